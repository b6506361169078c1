/* window.js: what a window of the program tells it. The program puts it into each page that a window shows.

   All windows share one stream of events: while it is open, there is a window. A page that goes says goodbye. Where the
   stream is lost, the program has ended: a notice says so, and goes by itself when the program answers again. */

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
  notice.textContent = 'The program has ended. Start it again, and this window goes on; what you typed stays here.';
  document.body.append(notice);
};

const found = () => {
  clearTimeout(timer);
  timer = 0;
  if (notice) notice.remove();
  notice = null;
};

const state = (isUp) => {
  if (isUp) found();
  else if (!timer) timer = setTimeout(lost, 1500);
};

listen(new URL('/.kali/events', location.href).href, state);

addEventListener('pagehide', () => navigator.sendBeacon('/.kali/goodbye'));

// A page from the back/forward cache has no stream any more.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

// A link that leads elsewhere opens a tab: to leave the page would look like closing the window.
addEventListener('click', (event) => {
  const link = event.target instanceof Element && Element.prototype.closest.call(event.target, 'a[href]');
  if (link && /^https?:$/.test(link.protocol) && link.origin !== location.origin && !link.target) {
    link.target = '_blank';
    link.rel = 'noopener';
  }
}, true);
