/* live.js: pages that change while they are looked at. kali.js loads it where a page asks for it; every page works
   without it.

   <div data-kali-events="/stream">  listens to that stream. All windows that listen to one address share one connection:
                                     a browser opens no more than six to a host.
   <form data-kali-patch="#list">    is sent without leaving the page; of the page that comes back, the parts that the
   <a data-kali-patch="#list" …>     selector names replace those here (without a value: the <main>).

   Events and headers are those of Datastar's protocol, so a handler serves both. What is changed in place keeps focus,
   caret, scroll position, typed text and open <details>. */

const MODES = {
  inner: (target, content) => morphChildren(target, content),
  replace: (target, content) => target.replaceWith(content),
  prepend: (target, content) => target.prepend(content),
  append: (target, content) => target.append(content),
  before: (target, content) => target.before(content),
  after: (target, content) => target.after(content),
  remove: (target) => target.remove(),
};

// Changing elements in place.

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE && Element.prototype.getAttribute.call(node, 'id')) || null;
const isAlike = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName
  && keyOf(old) === keyOf(fresh);

const morphAttributes = (old, fresh) => {
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !(name === 'open' && isToggled(old))) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === 'open' && isToggled(old))) old.removeAttribute(name);
  }
};

const isToggled = (element) => /^(DETAILS|DIALOG)$/.test(element.nodeName);  // by the user

// The values of controls are left alone: one that nobody touched follows its attributes by itself.
const morph = (old, fresh) => {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
};

const move = (parent, node, before) => {
  if (node.parentNode === parent && 'moveBefore' in parent) parent.moveBefore(node, before);  // keeps the focus
  else parent.insertBefore(node, before);
};

const morphChildren = (parent, fresh) => {
  const keyed = new Map([...parent.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  const wanted = new Set([...fresh.childNodes].map(keyOf).filter(Boolean));
  let old = parent.firstChild;
  for (const node of [...fresh.childNodes]) {
    while (old && keyOf(old) && !wanted.has(keyOf(old))) {
      const gone = old;
      old = old.nextSibling;
      gone.remove();
    }
    const same = keyOf(node) ? keyed.get(keyOf(node)) : old && !keyOf(old) && isAlike(old, node) ? old : null;
    if (same && isAlike(same, node)) {
      if (same === old) old = old.nextSibling;
      else move(parent, same, old);
      morph(same, node);
    } else {
      parent.insertBefore(node, old);
      if (old && !keyOf(old)) {
        const gone = old;
        old = old.nextSibling;
        gone.remove();
      }
    }
  }
  while (old) {
    const gone = old;
    old = old.nextSibling;
    gone.remove();
  }
};

const keepingFocus = (change) => {
  const active = document.activeElement;
  let caret = null;
  try { caret = active && [active.selectionStart, active.selectionEnd, active.selectionDirection]; } catch { /* none */ }
  change();
  if (active && active !== document.body && active.isConnected && document.activeElement !== active) {
    active.focus({ preventScroll: true });
    if (caret && typeof caret[0] === 'number') active.setSelectionRange(...caret);
  }
};

const fragmentOf = (html, namespace) => {
  const template = document.createElement('template');
  const tag = { svg: 'svg', mathml: 'math' }[namespace];
  template.innerHTML = tag ? `<${tag}>${html}</${tag}>` : html;
  if (!tag) return template.content;
  const fragment = document.createDocumentFragment();
  fragment.append(...template.content.firstChild.childNodes);
  return fragment;
};

// A script that came as text does not run until it is made anew.
const awake = (root) => {
  const scripts = root.nodeName === 'SCRIPT' ? [root] : root.querySelectorAll ? [...root.querySelectorAll('script')] : [];
  for (const script of scripts) {
    if (script.dataset.kali === 'reload') return location.reload();
    const made = document.createElement('script');
    for (const { name, value } of [...script.attributes]) made.setAttribute(name, value);
    made.textContent = script.textContent;
    script.replaceWith(made);
    if (made.dataset.effect === 'el.remove()') made.remove();
  }
  return undefined;
};

export const patch = (html, { selector = '', mode = 'outer', namespace = '' } = {}) => {
  keepingFocus(() => {
    const content = fragmentOf(html, namespace);
    if (mode === 'outer' && !selector) {
      for (const element of [...content.children]) {
        const old = element.id && document.getElementById(element.id);
        if (!old) console.warn(`a patch has an element with the id "${element.id}", and this page has none`);
        else if (isAlike(old, element)) morph(old, element);
        else old.replaceWith(element);
      }
      return;
    }
    for (const target of [...document.querySelectorAll(selector)]) {
      const copy = content.cloneNode(true);
      const scripts = [...copy.querySelectorAll('script')];
      if (mode === 'outer') {
        const [element] = copy.children;
        if (element && copy.children.length === 1 && isAlike(target, element)) morph(target, element);
        else target.replaceWith(copy);
      } else {
        MODES[mode](target, copy);
      }
      for (const script of scripts) if (script.isConnected) awake(script);
    }
  });
  document.dispatchEvent(new CustomEvent('kali-patched'));
};

// Events.

const fieldsOf = (data) => {
  const fields = {};
  for (const line of data.split('\n')) {
    const space = line.indexOf(' ');
    const [name, value] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
    fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
  }
  return fields;
};

const isForHere = (to) => !to || (to.endsWith('/') ? location.pathname.startsWith(to) : location.pathname === to);

const act = (type, data) => {
  if (type === 'kali-notify') {
    notify(data);
    return;
  }
  const fields = fieldsOf(data);
  if (!isForHere(fields.to)) return;
  if (type === 'datastar-patch-elements') {
    const change = () => patch(fields.elements || '', fields);
    if (fields.useViewTransition === 'true' && document.startViewTransition) document.startViewTransition(change);
    else change();
  } else if (type === 'datastar-patch-signals') {
    document.dispatchEvent(new CustomEvent('kali-signals', { detail: JSON.parse(fields.signals) }));
  } else {
    document.dispatchEvent(new CustomEvent('kali-event', { detail: data }));
  }
};

export const notify = (text) => {
  let region = document.getElementById('kali-notices');
  if (!region) {
    region = document.createElement('div');
    region.id = 'kali-notices';
    region.setAttribute('role', 'status');
    document.body.append(region);
  }
  const line = document.createElement('p');
  line.textContent = text;
  region.append(line);
  setTimeout(() => line.remove(), 8000);
};

const TYPES = ['message', 'datastar-patch-elements', 'datastar-patch-signals', 'kali-notify', 'kali-end'];

// One window holds the connection, under a lock; it tells the others. The next one to hold it goes on from the last event.
const RECENT = 100;  // events that are kept for a window that comes late

export const listen = (address, state = () => {}) => {
  const url = new URL(address);
  let seen = url.searchParams.get('last-event-id') || '';  // what the page knows already
  url.searchParams.delete('last-event-id');
  const name = `kali ${url}`;
  const me = `${Math.random()}`;
  const others = new BroadcastChannel(name);
  const recent = [{ id: seen }];
  let end = () => {};
  let isHolding = false;
  const hear = ({ type, data, id }) => {
    if (id && recent.some((event) => event.id === id)) return;  // told twice
    if (id) seen = id;
    recent.push({ type, data, id });
    if (recent.length > RECENT) recent.shift();
    if (type === 'kali-end') {
      end();
      others.close();
    } else {
      act(type, data);
    }
  };
  others.onmessage = ({ data: said }) => {
    if (said.asks !== undefined) {  // a new window asks what came after what it knows
      const place = recent.findIndex((event) => event.id === said.asks);
      if (isHolding && place >= 0) others.postMessage({ to: said.me, events: recent.slice(place + 1) });
    } else if (said.isUp !== undefined) {
      state(said.isUp);
    } else if (said.to !== undefined) {
      if (said.to === me) said.events.forEach(hear);
    } else {
      hear(said);
    }
  };
  others.postMessage({ asks: seen, me });
  const hold = () => new Promise((resolve) => {
    isHolding = true;
    const from = new URL(url);
    if (seen) from.searchParams.set('last-event-id', seen);
    const source = new EventSource(from);
    end = () => { source.close(); resolve(); };
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        const said = { type, data: event.data, id: event.lastEventId };
        others.postMessage(said);
        hear(said);
      });
    }
    const tell = (isUp) => { others.postMessage({ isUp }); state(isUp); };
    source.onopen = () => tell(true);
    source.onerror = () => { tell(false); if (source.readyState === EventSource.CLOSED) resolve(); };  // refused for good
  });
  if (navigator.locks) navigator.locks.request(name, hold);
  else hold();
};

// Forms and links.

const pieces = (page, selector) => [...page.querySelectorAll(selector)];

const show = (page, selector, url) => {
  const found = pieces(page, selector);
  const here = pieces(document, selector);
  if (!found.length || found.length !== here.length) return false;
  keepingFocus(() => found.forEach((element, number) => {
    if (isAlike(here[number], element)) morph(here[number], element);
    else here[number].replaceWith(element);
  }));
  if (page.title) document.title = page.title;
  document.dispatchEvent(new CustomEvent('kali-patched', { detail: url }));
  return true;
};

const eventsOf = (text) => text.split('\n\n').filter(Boolean).map((block) => {
  const said = { type: 'message', data: [] };
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) said.type = line.slice(7);
    else if (line.startsWith('data: ')) said.data.push(line.slice(6));
  }
  return [said.type, said.data.join('\n')];
});

const ask = async (url, options, selector) => {
  const answer = await fetch(url, { ...options, headers: { 'Datastar-Request': 'true', Accept: 'text/html, text/event-stream' } });
  const kind = answer.headers.get('Content-Type') || '';
  if (answer.status === 204) return true;
  const text = await answer.text();
  if (kind.startsWith('text/event-stream')) {
    for (const [type, data] of eventsOf(text)) act(type, data);
    return true;
  }
  if (!kind.startsWith('text/html')) return false;
  const where = answer.headers.get('datastar-selector');
  const mode = answer.headers.get('datastar-mode');
  if (where || mode) {
    patch(text, { selector: where || '', mode: mode || 'outer' });
    return true;
  }
  const page = new DOMParser().parseFromString(text, 'text/html');
  return show(page, selector, answer.url) || show(page, 'main', answer.url);
};

addEventListener('submit', async (event) => {
  const form = event.target;
  const attribute = (name) => Element.prototype.getAttribute.call(form, name);
  if (event.defaultPrevented || attribute('data-kali-patch') === null) return;
  event.preventDefault();
  const button = event.submitter;
  const method = ((button && button.getAttribute('formmethod')) || attribute('method') || 'get').toLowerCase();
  const url = new URL((button && button.getAttribute('formaction')) || attribute('action') || location.href, location.href);
  const data = new FormData(form);
  if (button && button.name) data.append(button.name, button.value);
  const hasFiles = attribute('enctype') === 'multipart/form-data';
  const options = { method };
  if (method === 'get') url.search = new URLSearchParams(data);
  else options.body = hasFiles ? data : new URLSearchParams(data);
  let isDone = false;
  try { isDone = await ask(url, options, attribute('data-kali-patch') || 'main'); } catch { /* the page goes the usual way */ }
  if (isDone && method === 'get') history.replaceState(history.state, '', url);
  if (isDone) EventTarget.prototype.dispatchEvent.call(form, new CustomEvent('kali-answered', { bubbles: true }));
  else HTMLFormElement.prototype.submit.call(form);
});

addEventListener('click', async (event) => {
  const link = event.target instanceof Element && event.target.closest('a[data-kali-patch]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.target) return;
  event.preventDefault();
  let isDone = false;
  try { isDone = await ask(link.href, {}, link.dataset.kaliPatch || 'main'); } catch { /* as above */ }
  if (isDone) history.replaceState(history.state, '', link.href);
  else location.assign(link.href);
});

// A field with this sends its form when it is changed, and as it is typed in; a moment's rest goes first.
let resting = 0;
addEventListener('input', (event) => {
  const control = event.target instanceof Element && event.target.closest('[data-kali-live]');
  if (!control || !control.form) return;
  clearTimeout(resting);
  resting = setTimeout(() => HTMLFormElement.prototype.requestSubmit.call(control.form), 200);
});

for (const url of new Set([...document.querySelectorAll('[data-kali-events]')].map((each) => each.dataset.kaliEvents))) {
  listen(new URL(url, location.href).href);
}
