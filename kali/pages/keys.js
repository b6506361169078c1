/* keys.js: Ctrl+S saves the form at hand, and ? lists the keys (on a Mac, Cmd takes the place of Ctrl). Undo has its own
   (undo.js). kali.js and window.js load it.

   The list comes from the program, in the language of the window. An element of the page with `aria-keyshortcuts` is in it. A
   letter is recognised by what it writes, or, where that is not Latin, by its place. */

const MAC = /^(Mac|iP)/.test(navigator.platform);
const BUTTONS = 'button:not([type]), button[type="submit"], input[type="submit"], input[type="image"]';
const FIELDS = 'textarea, select, [contenteditable]:not([contenteditable="false"]), '
  + 'input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"], [type="reset"], [type="image"], [type="range"])';

// A field of the same name hides what a form has by itself.
const own = (form, name) => Reflect.get(HTMLFormElement.prototype, name, form);
const controls = (form) => [...own(form, 'elements')];
const isFilledIn = (form) => own(form, 'method') === 'post'
  && controls(form).some((control) => control.matches('input:not([type="hidden"]), select, textarea') && !control.matches(BUTTONS));
const isChanged = (control) => /^(checkbox|radio)$/.test(control.type) ? control.checked !== control.defaultChecked
  : 'defaultValue' in control && control.type !== 'hidden' && control.value !== control.defaultValue;

// The form with the focus, else the one that was changed, else the first.
const atHand = () => {
  const forms = [...document.forms].filter((form) => isFilledIn(form) && Element.prototype.checkVisibility.call(form));
  const active = document.activeElement;
  return forms.find((form) => controls(form).includes(active)) || forms.find((form) => controls(form).some(isChanged)) || forms[0];
};

const save = (event) => {
  const form = atHand();
  if (!form) return;
  event.preventDefault();
  const button = controls(form).find((control) => control.matches(BUTTONS));
  if (button) button.click();  // switched off by now, it does nothing: the form is under way
  else HTMLFormElement.prototype.requestSubmit.call(form);
};

const named = (element) => {
  const name = element.getAttribute('aria-label') || element.textContent.trim() || element.value || element.title;
  const line = document.createElement('div');
  line.innerHTML = '<dt><kbd></kbd></dt><dd></dd>';
  line.querySelector('kbd').textContent = element.getAttribute('aria-keyshortcuts').replaceAll('Control', 'Ctrl');
  line.querySelector('dd').textContent = name;
  return line;
};

const list = async () => {
  const answer = await fetch(`/.kali/keys?undo=${document.querySelector('.undo') ? 1 : ''}&save=${atHand() ? 1 : ''}&mac=${MAC ? 1 : ''}`)
    .catch(() => null);
  if (!answer || !answer.ok || document.querySelector('dialog[open]')) return;
  const dialog = document.createElement('dialog');
  dialog.id = 'kali-keys';
  dialog.setAttribute('aria-labelledby', 'kali-keys-title');
  dialog.innerHTML = await answer.text();
  dialog.querySelector('dl').prepend(...[...document.querySelectorAll('[aria-keyshortcuts]')].map(named));
  dialog.addEventListener('close', () => dialog.remove());  // and the focus is where it was
  document.body.append(dialog);
  dialog.showModal();
};

addEventListener('keydown', (event) => {
  if (event.repeat || event.isComposing || event.defaultPrevented || event.altKey) return;
  const only = MAC ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  const letter = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.slice(3).toLowerCase();
  const [at] = event.composedPath();
  const isTyping = at instanceof Element && Element.prototype.closest.call(at, FIELDS);
  if (only && !event.shiftKey && letter === 's') {
    save(event);
  } else if (event.key === '?' && !event.ctrlKey && !event.metaKey && !isTyping && !document.querySelector('dialog[open]')) {
    event.preventDefault();
    list();
  }
});
