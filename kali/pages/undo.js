/* undo.js: Ctrl+Z presses the button Undo of a history, Ctrl+Shift+Z and Ctrl+Y the button Redo (on a Mac with Cmd). It
   comes with the buttons, which work without it.

   Where text is being typed, the browser's own undo counts. A key held down is pressed once. A letter is recognised by what it
   writes, or, where that is not Latin, by its place. */

'use strict';

(() => {
  const MAC = /^(Mac|iP)/.test(navigator.platform);
  const TEXT = 'textarea, [contenteditable]:not([contenteditable="false"]), input:not([type="checkbox"], [type="radio"], '
    + '[type="button"], [type="submit"], [type="reset"], [type="image"], [type="file"])';
  // A field named `method` hides the form's own.
  const own = (form, name) => Reflect.get(HTMLFormElement.prototype, name, form);
  const isChanged = (control) => /^(checkbox|radio)$/.test(control.type) ? control.checked !== control.defaultChecked
    : 'defaultValue' in control && control.type !== 'hidden' && control.value !== control.defaultValue;

  addEventListener('keydown', (event) => {
    const only = MAC ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
    if (!only || event.altKey || event.repeat || event.isComposing || event.defaultPrevented) return;
    const key = (/^[a-z]$/i.test(event.key) ? event.key : event.code.slice(3)).toLowerCase();
    const does = key === 'z' ? (event.shiftKey ? 'redo' : 'undo') : key === 'y' && !event.shiftKey && !MAC ? 'redo' : '';
    const button = does && document.querySelector(`.undo [value="${does}"]:enabled`);
    const [at] = event.composedPath();
    if (!button || (at instanceof Element && Element.prototype.closest.call(at, TEXT))) return;
    // A form that is filled in, though the focus is elsewhere just now.
    if ([...document.forms].some((form) => own(form, 'method') === 'post' && [...own(form, 'elements')].some(isChanged))) return;
    event.preventDefault();
    button.click();
  });
})();
