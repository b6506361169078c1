/* kali.js: small comforts. Every page works without it.

   A form is sent once for each press (the server saves once in any case). The first field with an error gets the focus.
   Rows are added to a list and taken away. Leaving a changed form asks first, and what was typed outlives a crash.
   Ctrl+S and ? are those of keys.js. A button with data-copy="ID" copies the text of the element with that id. */

'use strict';

(() => {
  const BUTTONS = 'button:not([type]), button[type="submit"], input[type="submit"], input[type="image"]';
  // What a form has by itself: a field of the same name hides it from `form.name`.
  const own = (form, name) => Reflect.get(HTMLFormElement.prototype, name, form);
  const call = (form, name, ...rest) => Reflect.apply(own(form, name), form, rest);
  const closest = (at, selector) => at instanceof Element && Element.prototype.closest.call(at, selector);
  const sent = new Map();  // form -> the buttons that were switched off, and nothing else

  const release = () => {
    for (const buttons of sent.values()) {
      for (const button of buttons) button.disabled = false;
    }
    sent.clear();
  };

  addEventListener('submit', (event) => {
    const form = event.target;
    if (event.defaultPrevented || own(form, 'method') === 'dialog') return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    // A form that answers elsewhere leaves this page as it is.
    const target = (event.submitter && event.submitter.formTarget) || own(form, 'target');
    if (target && target !== '_self') return;
    const buttons = [...own(form, 'elements'), ...document.querySelectorAll('input[type="image"]')]
      .filter((button) => button.form === form && button.matches(BUTTONS) && !button.disabled);
    sent.set(form, buttons);
    if (isOurs(form)) stored(() => sessionStorage.setItem('kali-sent', keyOf(form)));
    // Later: a button that is off by now would not be sent along.
    setTimeout(() => {
      if (sent.get(form) === buttons) {
        for (const button of buttons) button.disabled = true;
      }
    });
    setTimeout(release, 10000);
  });

  // Back brings a page as it was left, buttons off included.
  addEventListener('pageshow', () => { release(); stored(() => sessionStorage.removeItem('kali-sent')); });
  addEventListener('focus', release);
  addEventListener('kali-answered', release);

  const copy = async (source) => {
    try {
      await navigator.clipboard.writeText(source.textContent);  // only on localhost, or with https
      return true;
    } catch {
      getSelection().selectAllChildren(source);  // if this fails too, all is selected for Ctrl-C
      return document.execCommand('copy');
    }
  };

  addEventListener('click', async (event) => {
    const button = closest(event.target, '[data-copy]');
    const source = button && document.getElementById(button.dataset.copy);
    if (source && await copy(source)) button.textContent = button.dataset.copied || 'Copied';
  });

  // A search box for many choices asks the server for the few that fit.
  let asked = 0;
  addEventListener('input', async (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.dataset.search) return;
    const turn = ++asked;
    const action = box.form && call(box.form, 'getAttribute', 'action');  // the form's own page may be another one
    const url = new URL(action && action.includes('_save=1') ? action : location.href, location.href);
    url.searchParams.set('_search', box.dataset.search);
    url.searchParams.set('q', box.value);
    const reply = await fetch(url).catch(() => null);
    if (reply && reply.ok && turn === asked) box.list.innerHTML = await reply.text();
  });

  // Rows: the names of their controls have numbers.
  const numberOf = (control) => +(/-(\d+)-/.exec(control.name) || [0, 0])[1];

  const addRow = (group) => {
    const numbers = [...group.querySelectorAll('tbody [name]')].map(numberOf);
    const next = document.createElement('template');
    next.innerHTML = group.querySelector('template').innerHTML.replaceAll('__n__', Math.max(0, ...numbers) + 1);
    const row = next.content.firstElementChild;
    group.querySelector('tbody').append(row);
    show(group);
    return row;
  };

  const show = (group) => {
    const rows = group.querySelectorAll('tbody tr').length;
    for (const button of group.querySelectorAll('[data-add], [data-remove]')) button.hidden = false;
    group.querySelector('[data-add]').hidden = rows >= +group.dataset.rows;
  };

  for (const group of document.querySelectorAll('[data-rows]')) {
    const rows = [...group.querySelectorAll('tbody tr')];
    const spare = +group.dataset.blank - (rows.length > +group.dataset.blank ? 0 : 1);
    for (const row of rows.slice(rows.length - Math.max(0, spare))) row.remove();  // a button does for them
    show(group);
  }

  addEventListener('click', (event) => {
    const button = closest(event.target, '[data-add], [data-remove]');
    const group = button && button.closest('[data-rows]');
    if (!group) return;
    if ('add' in button.dataset) {
      addRow(group).querySelector('input:not([type="hidden"]), select, textarea').focus();
    } else {
      button.closest('tr').remove();
      show(group);
      group.querySelector('[data-add]').focus();
    }
    group.dispatchEvent(new Event('input', { bubbles: true }));
  });

  const stored = (act) => { try { return act(); } catch { return null; } };  // full, or switched off

  // Drafts, for forms with a one-shot id. Nothing of a password is stored, nor what a form carries unseen.
  const keyOf = (form) => 'kali ' + (call(form, 'getAttribute', 'action') || location.pathname + location.search);
  const isOurs = (form) => form instanceof HTMLFormElement && own(form, 'elements').namedItem('_form_id');
  const controlsOf = (form) => [...own(form, 'elements')].filter((control) => control.name
    && !control.name.startsWith('_') && !/^(password|hidden|file|submit|button|image|fieldset)$/.test(control.type));
  const typedIn = (form) => JSON.stringify(controlsOf(form).map((control) => [control.name,
    /^(checkbox|radio)$/.test(control.type) ? [control.value, control.checked]
      : control.selectedOptions ? [...control.selectedOptions].map((option) => option.value) : control.value]));

  const bringBack = (form, draft) => {
    for (const group of call(form, 'querySelectorAll', '[data-rows]')) {
      const drafted = draft.map(([name]) => name).filter((name) => name.startsWith(group.id + '-'));
      const last = Math.max(0, ...drafted.map((name) => numberOf({ name })));
      while (Math.max(0, ...[...group.querySelectorAll('tbody [name]')].map(numberOf)) < last) addRow(group);
      for (const row of group.querySelectorAll('tbody tr')) {
        const cell = row.querySelector('input:not([type="hidden"]), select, textarea');
        if (!drafted.includes(cell.name)) row.remove();
      }
    }
    for (const [name, value] of draft) {
      for (const control of controlsOf(form)) {
        if (control.name !== name) continue;
        if (!Array.isArray(value)) control.value = value;
        else if (control.options) for (const option of control.options) option.selected = value.includes(option.value);
        else if (control.value === value[0]) control.checked = value[1];
      }
    }
  };

  const offer = (form, draft) => {
    const said = isOurs(form).dataset;
    const notice = document.createElement('p');
    notice.role = 'status';
    notice.append((said.draft || 'Something typed here earlier was not saved.') + ' ');
    const choices = [[said.restore || 'Bring it back', () => bringBack(form, JSON.parse(draft))],
      [said.discard || 'Forget it', () => localStorage.removeItem(keyOf(form))]];
    for (const [text, act] of choices) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = text;
      button.onclick = () => { notice.remove(); act(); };
      notice.append(button, ' ');
    }
    call(form, 'before', notice);
  };

  const atFirst = new Map();
  // What is saved has no draft any more, though Back shows it as it was typed.
  const isChanged = (form) => typedIn(form) !== atFirst.get(form) && stored(() => localStorage.getItem(keyOf(form)));
  const [arrival] = performance.getEntriesByType('navigation');
  const refused = arrival.responseStatus >= 400;  // what such a page shows is not saved
  const answered = stored(() => sessionStorage.getItem('kali-sent'));
  // Without a referrer, nothing says that the server ever got the form.
  if (answered && document.referrer && !refused && arrival.type !== 'back_forward') localStorage.removeItem(answered);

  for (const form of document.forms) {
    if (!isOurs(form)) continue;
    atFirst.set(form, refused ? '' : typedIn(form));
    const draft = stored(() => localStorage.getItem(keyOf(form)));
    if (draft && draft !== typedIn(form)) offer(form, draft);
    call(form, 'addEventListener', 'input', () => stored(() => localStorage.setItem(keyOf(form), typedIn(form))));
  }

  addEventListener('beforeunload', (event) => {
    if ([...atFirst.keys()].some((form) => !sent.has(form) && isChanged(form))) event.preventDefault();
  });

  const load = (name) => import(`/.kali/${name}.js`).catch(() => null);  // a page without it works, too
  load('keys');
  if (document.querySelector('[data-kali-events], [data-kali-patch]')) load('live');
  if (document.querySelector('[data-order], [data-in-place]')) load('records');

  const wrong = document.querySelector('[aria-invalid="true"]:not(:has([aria-invalid]))');
  if (wrong) wrong.focus();
})();
