/* records.js: comforts for records; kali.js loads it where they are wanted. Every page works without it.

   A row with a number for its place is moved by buttons, and a new one is the last. */

'use strict';

(() => {
  const closest = (at, selector) => at instanceof Element && Element.prototype.closest.call(at, selector);

  // The control that says where a row of a list stands.
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
    const row = button.closest('tr');
    const other = row && ('up' in button.dataset ? row.previousElementSibling : row.nextElementSibling);
    if ('add' in button.dataset) showMoves(group);
    if (!other || 'add' in button.dataset) return;
    const [mine, theirs] = [placeOf(group, row), placeOf(group, other)];
    [mine.value, theirs.value] = [theirs.value, mine.value];
    if ('up' in button.dataset) other.before(row); else other.after(row);
    button.focus();
    group.dispatchEvent(new Event('input', { bubbles: true }));
  });
})();
