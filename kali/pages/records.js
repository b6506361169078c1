/* records.js: comforts for lists and forms of records; kali.js loads it where they are wanted, and every page works without it.

   A row with a number for its place is moved by buttons, and a new one is the last. In a list, arrow keys lead from cell to cell;
   Enter, F2 or a double click changes one: the form of the cell's own page comes into the list. Enter saves it, Tab goes on to the
   next, Escape leaves it as it was. What was copied in a spreadsheet is pasted from a cell on, after a preview. */

'use strict';

(() => {
  const closest = (at, selector) => at instanceof Element && Element.prototype.closest.call(at, selector);
  // What a form has by itself: a field of the same name hides it from `form.name`.
  const own = (form, name) => Reflect.get(HTMLFormElement.prototype, name, form);
  const call = (form, name, ...rest) => Reflect.apply(own(form, name), form, rest);
  const FIRST = 'input:not([type="hidden"]), select, textarea';

  // The control that says where a row of a form stands.
  const placeOf = (group, row) => [...row.querySelectorAll('[name]')]
    .find((control) => control.name.replace(/^.*?-\d+-/, '') === group.dataset.order);

  const showMoves = (group) => {
    for (const button of group.querySelectorAll('[data-up], [data-down]')) button.hidden = false;
    const places = [...group.querySelectorAll('tbody tr')].map((row) => placeOf(group, row)).filter(Boolean);
    const last = Math.max(0, ...places.map((place) => +place.value));
    places.filter((place) => !place.value).forEach((place, index) => { place.value = last + 1 + index; });
  };

  for (const group of document.querySelectorAll('[data-order]')) showMoves(group);

  addEventListener('click', (event) => {
    const button = closest(event.target, '[data-up], [data-down], [data-add]');
    const group = button && button.closest('[data-order]');
    if (!group) return;
    if ('add' in button.dataset) {
      showMoves(group);
      return;
    }
    const row = button.closest('tr');
    const other = 'up' in button.dataset ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    const [mine, theirs] = [placeOf(group, row), placeOf(group, other)];
    [mine.value, theirs.value] = [theirs.value, mine.value];
    if ('up' in button.dataset) other.before(row); else other.after(row);
    button.focus();
    group.dispatchEvent(new Event('input', { bubbles: true }));
  });

  // Cells of a list.
  const list = () => document.querySelector('table[data-in-place]');
  const columns = new Set([...document.querySelectorAll('#rows [name="column"] option')].map((option) => option.value));
  const cellsOf = (row) => [...row.querySelectorAll('[data-column]')];
  const canChange = (cell) => columns.has(cell.dataset.column);
  const keyOf = (cell) => cell.closest('tr').dataset.key;
  let open = null;  // the cell that is being changed: { cell, form, before, first }

  const contentOf = (form) => new URLSearchParams([...new FormData(form)].filter(([name]) => name !== '_form_id')).toString();
  const isChanged = () => open !== null && contentOf(open.form) !== open.first;

  const makeReachable = () => {
    const cells = [...list().querySelectorAll('tbody [data-column]')];
    cells.forEach((cell, index) => { cell.tabIndex = index ? -1 : 0; });
  };

  const focusOn = (cell) => {
    for (const each of list().querySelectorAll('[data-column][tabindex="0"]')) each.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
  };

  const find = (row, column) => {
    const line = [...list().querySelectorAll('tr[data-key]')].find((each) => each.dataset.key === row);
    return line && cellsOf(line).find((cell) => cell.dataset.column === column);
  };

  const close = () => {
    if (!open) return;
    const { cell, before } = open;
    open = null;
    cell.replaceChildren(...before);
    focusOn(cell);
  };

  const show = (page, cell, before) => {
    const form = [...page.querySelectorAll('main form')].find((each) => own(each, 'elements').namedItem('_form_id'));
    if (!form) return false;
    for (const label of call(form, 'querySelectorAll', 'label[for]')) label.classList.add('skip');
    for (const link of call(form, 'querySelectorAll', '.buttons a')) link.dataset.cancel = '';
    cell.replaceChildren(document.adoptNode(form));
    const control = call(form, 'querySelector', '[aria-invalid="true"]') || call(form, 'querySelector', FIRST);
    open = { cell, form, before, first: contentOf(form) };
    control.focus();
    if (control.select) control.select();
    return true;
  };

  const parsed = async (reply) => new DOMParser().parseFromString(await reply.text(), 'text/html');

  const change = async (cell) => {
    if (open || !canChange(cell)) return;
    const url = new URL(list().dataset.inPlace, location.href);
    url.search = new URLSearchParams({ key: keyOf(cell), column: cell.dataset.column, back: location.search.slice(1) });
    const reply = await fetch(url).catch(() => null);
    const before = [...cell.childNodes];
    if (!reply || !reply.ok || !show(await parsed(reply), cell, before)) location.href = url;  // the page says why
  };

  // After a save the server's list counts: its row, its totals, and its undo buttons.
  const takeOver = (page, cell) => {
    const [row, column] = [keyOf(cell), cell.dataset.column];
    const fresh = [...page.querySelectorAll('table[data-in-place] tr[data-key]')].find((each) => each.dataset.key === row);
    const table = page.querySelector('table[data-in-place]');
    if (fresh) cell.closest('tr').replaceWith(fresh);
    else if (table) list().replaceWith(table);
    else location.reload();
    for (const what of ['table[data-in-place] tfoot', 'form.undo']) {
      const [now, then] = [document.querySelector(what), page.querySelector(what)];
      if (now && then) now.replaceWith(then);
    }
    for (const each of list().querySelectorAll('[data-column]')) each.tabIndex = -1;
    return find(row, column) || list().querySelector('[data-column]');
  };

  const save = async (step = 0) => {
    const { cell, form, before } = open;
    if (open.isSent) return;
    const row = keyOf(cell);
    const order = [...list().querySelectorAll('tr[data-key]')].flatMap(cellsOf).filter(canChange);
    const next = step && order[order.indexOf(cell) + step];
    const target = next ? [keyOf(next), next.dataset.column] : null;
    if (isChanged()) {
      open.isSent = true;
      const body = new URLSearchParams(new FormData(form));
      const reply = await fetch(call(form, 'getAttribute', 'action'), { method: 'POST', body }).catch(() => null);
      open.isSent = false;
      if (!reply) {  // what was typed stays where it is
        call(form, 'querySelector', FIRST).focus();
        return;
      }
      const page = await parsed(reply);
      if (!reply.ok) {
        if (!show(page, cell, before)) document.body.replaceWith(document.adoptNode(page.body));
        else open.first = '';  // it is not saved
        return;
      }
      open = null;
      const now = takeOver(page, cell);
      if (now) focusOn(now);
    } else {
      close();
    }
    const wanted = target && find(...target);
    if (wanted) {
      focusOn(wanted);
      await change(wanted);
    } else {
      const same = find(row, cell.dataset.column);
      if (same) focusOn(same);
    }
  };

  const move = (cell, key) => {
    const row = cell.closest('tr');
    const cells = cellsOf(row);
    const place = cells.indexOf(cell);
    if (key === 'ArrowLeft' || key === 'ArrowRight') return cells[place + (key === 'ArrowLeft' ? -1 : 1)];
    const other = key === 'ArrowUp' ? row.previousElementSibling : row.nextElementSibling;
    return other && cellsOf(other)[place];
  };

  const start = () => {
    makeReachable();
    const cellAt = (event) => closest(event.target, 'table[data-in-place] tbody [data-column]');

    addEventListener('dblclick', (event) => {
      const cell = cellAt(event);
      if (cell && !open) change(cell);
    });

    addEventListener('keydown', (event) => {
      const cell = cellAt(event);
      if (!cell || event.isComposing) return;
      if (open && open.cell === cell) {
        const inText = event.target instanceof HTMLTextAreaElement && !event.ctrlKey && !event.metaKey;
        const onButton = closest(event.target, 'button, a');
        if (event.key === 'Escape') close();
        else if (event.key === 'Tab' && !event.altKey) save(event.shiftKey ? -1 : 1);
        else if (event.key === 'Enter' && !inText && !onButton) save();
        else return;
        event.preventDefault();
      } else if (event.target === cell && !event.ctrlKey && !event.metaKey && !event.altKey) {
        const next = event.key.startsWith('Arrow') && move(cell, event.key);
        if (next) focusOn(next);
        else if ((event.key === 'Enter' || event.key === 'F2') && canChange(cell)) change(cell);
        else return;
        event.preventDefault();
      }
    });

    // Before kali.js, which would leave the page to the browser.
    document.addEventListener('submit', (event) => {
      if (open && event.target === open.form) {
        event.preventDefault();
        save();
      }
    });

    addEventListener('click', (event) => {
      if (closest(event.target, '[data-cancel]')) {
        event.preventDefault();
        close();
      }
    });

    addEventListener('focusout', (event) => {
      if (!open || !open.cell.contains(event.target) || !event.relatedTarget || open.cell.contains(event.relatedTarget)) return;
      if (isChanged()) save(); else close();
    });

    addEventListener('beforeunload', (event) => { if (isChanged()) event.preventDefault(); });

    addEventListener('paste', (event) => {
      const cell = cellAt(event);
      if (!cell || open || event.target !== cell) return;
      const text = event.clipboardData.getData('text/plain');
      if (!text) return;
      event.preventDefault();
      const cells = cellsOf(cell.closest('tr'));
      const form = document.createElement('form');
      form.method = 'post';
      form.action = list().dataset.inPlace.replace(/cell$/, 'paste') + location.search;
      const fields = [['text', text], ['key', keyOf(cell)],
        ...cells.slice(cells.indexOf(cell)).map((each) => ['columns', canChange(each) ? each.dataset.column : ''])];
      for (const [name, value] of fields) {
        const field = document.createElement('textarea');
        field.name = name;
        field.value = value;
        form.append(field);
      }
      form.hidden = true;
      document.body.append(form);
      form.submit();
    });
  };

  if (list() && columns.size) start();
})();
