/* reload.js: in the pages of a program that is run with --reload: they load themselves anew when it was started anew. */

const run = new URL(import.meta.url).searchParams.get('run');

const load = () => {
  // What was typed is kept by kali.js, so nobody need be asked whether to leave.
  addEventListener('beforeunload', (event) => event.stopImmediatePropagation(), true);
  if (location.hash) location.reload();
  else location.replace(location.href);  // a GET, also where the page answered a form
};

const look = async () => {
  try {
    const answer = document.hidden ? null : await fetch('/.kali/run', { cache: 'no-store' });
    if (answer && answer.ok && (await answer.text()) !== run) return load();
  } catch { /* it is being started */ }
  return setTimeout(look, 250);
};

look();
