/* window.js: what a window of the program tells it. The program puts it into each page that a window shows.

   All windows share one stream of events: while it is open, there is a window. A page that goes says goodbye. Where the
   stream is lost, the program has ended: a notice says so, and goes by itself when the program answers again. */

import '/.kali/keys.js';
import { listen } from '/.kali/live.js';

let notice = null;
let timer = 0;

const lost = () => {
  if (notice) return;
  notice = document.createElement('p');
  notice.setAttribute('role', 'alert');
  notice.id = 'kali-closed';
  notice.style.cssText = 'position: fixed; inset: auto 1rem 1rem; z-index: 99; margin: 0; padding: 1rem; '
    + 'background: Canvas; color: CanvasText; border: 2px solid';
  notice.textContent = document.querySelector('script[src="/.kali/window.js"]').dataset.closed;
  document.body.append(notice);
};

const found = () => {
  clearTimeout(timer);
  timer = 0;
  if (notice) notice.remove();
  notice = null;
};

let isDown = false;
const state = (isUp) => {
  isDown = !isUp;
  if (isUp) found();
  else if (!timer) timer = setTimeout(lost, 1500);
};

// To follow a link, or send a form, would lead to an error page of the browser, and what was typed would be gone.
// Where the program answers after all, it goes on.
const stay = async (event, go) => {
  if (!isDown || event.defaultPrevented) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  try {
    await fetch('/.kali/window.js', { method: 'HEAD', cache: 'no-store' });
  } catch {
    lost();
    return;
  }
  isDown = false;
  go();
};
addEventListener('submit', (event) => stay(event, () => HTMLFormElement.prototype.requestSubmit.call(event.target,
  event.submitter)), true);

listen(new URL('/.kali/events', location.href).href, state);

// With its place on the screen, if the window is the program's own.
addEventListener('pagehide', () => navigator.sendBeacon('/.kali/goodbye', matchMedia('(display-mode: browser)').matches ? ''
  : [screenX, screenY, outerWidth, outerHeight].map(Math.round).join(' ')));

// A page from the back/forward cache has no stream any more.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

// A link that leads elsewhere opens a tab: to leave the page would look like closing the window.
addEventListener('click', (event) => {
  const link = event.target instanceof Element && Element.prototype.closest.call(event.target, 'a[href]');
  if (!link || !/^https?:$/.test(link.protocol)) return;
  if (link.origin === location.origin) {
    if (link.hash === '' || link.pathname + link.search !== location.pathname + location.search) stay(event, () => link.click());
  } else if (!link.target) {
    link.target = '_blank';
    link.rel = 'noopener';
  }
}, true);
