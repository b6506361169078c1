/* kali.js: small comforts. Every page works without it.

   A form is sent once for each press: until an answer is there, its buttons do nothing. The server saves once in any
   case; this saves the wait for a second answer. The first field with an error gets the focus. And a button with
   data-copy="ID" copies the text of the element with that id. */

'use strict';

(() => {
  const BUTTONS = 'button:not([type]), button[type="submit"], input[type="submit"], input[type="image"]';
  const sent = new Map();  // form -> the buttons that were switched off, and nothing else

  const release = () => {
    for (const buttons of sent.values()) {
      for (const button of buttons) button.disabled = false;
    }
    sent.clear();
  };

  addEventListener('submit', (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === 'dialog') return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    // A form that answers elsewhere leaves this page as it is, so it may be sent again.
    const target = (event.submitter && event.submitter.formTarget) || form.target;
    if (target && target !== '_self') return;
    const buttons = [...form.elements, ...document.querySelectorAll('input[type="image"]')]
      .filter((button) => button.form === form && button.matches(BUTTONS) && !button.disabled);
    sent.set(form, buttons);
    // Later, because a button that is off by now would not be sent along.
    setTimeout(() => {
      if (sent.get(form) === buttons) {
        for (const button of buttons) button.disabled = true;
      }
    });
    setTimeout(release, 10000);
  });

  // Back brings a page as it was left, buttons off included; and a download leaves it standing.
  addEventListener('pageshow', release);
  addEventListener('focus', release);

  const copy = async (source) => {
    try {
      await navigator.clipboard.writeText(source.textContent);  // only where the address is localhost, or https
      return true;
    } catch {
      getSelection().selectAllChildren(source);  // the older way; if it fails too, all is selected for Ctrl-C
      return document.execCommand('copy');
    }
  };

  addEventListener('click', async (event) => {
    const button = event.target instanceof Element && event.target.closest('[data-copy]');
    const source = button && document.getElementById(button.dataset.copy);
    if (source && await copy(source)) button.textContent = button.dataset.copied || 'Copied';
  });

  const wrong = document.querySelector('[aria-invalid="true"]');
  if (wrong) wrong.focus();
})();
