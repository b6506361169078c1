/* live.js: pages that change while they are looked at. kali.js loads it where a page asks for it; every page works
   without it.

   <div data-kali-events="/stream">  listens to that stream. All windows that listen to one address share one connection:
                                     a browser opens no more than six to a host.
   <form data-kali-patch="#list">    is sent without leaving the page; of the page that comes back, the parts that the
   <a data-kali-patch="#list" …>     selector names replace those here (without a value: the <main>). The answer may be
                                     events or Response.patch as well. What is none of these is shown as it would be
                                     without this script, and nothing is sent twice.

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

// What no dictionary of the server's can be asked for: it may not answer.
const WORDS = {
  en: { lost: 'No answer came. See whether it was done before you send it again.',
    old: 'This page is out of date. Load it anew once what you have typed is saved.' },
  de: { lost: 'Es kam keine Antwort. Bitte nachsehen, ob es geschehen ist, bevor Sie es noch einmal senden.',
    old: 'Diese Seite ist nicht mehr aktuell. Bitte neu laden, sobald gespeichert ist, was Sie eingegeben haben.' },
  fr: { lost: 'Aucune réponse. Vérifiez si c’est fait avant de l’envoyer de nouveau.',
    old: 'Cette page n’est plus à jour. Rechargez-la une fois votre saisie enregistrée.' },
  es: { lost: 'No ha llegado respuesta. Compruebe si se ha hecho antes de enviarlo otra vez.',
    old: 'Esta página no está al día. Vuelva a cargarla cuando haya guardado lo que ha escrito.' },
  cs: { lost: 'Odpověď nepřišla. Než to odešlete znovu, podívejte se, zda se to provedlo.',
    old: 'Tato stránka není aktuální. Načtěte ji znovu, až uložíte, co jste napsali.' },
};
const say = (key) => (WORDS[document.documentElement.lang.slice(0, 2)] || WORDS.en)[key];

const isTyped = () => [...document.querySelectorAll('input:not([type=hidden]), textarea')]
  .some((control) => control.value !== control.defaultValue || control.checked !== (control.defaultChecked || false));

// A script that came as text does not run until it is made anew.
const awake = (root) => {
  const scripts = root.nodeName === 'SCRIPT' ? [root] : root.querySelectorAll ? [...root.querySelectorAll('script')] : [];
  for (const script of scripts) {
    if (script.dataset.kali === 'reload') return isTyped() ? notify(say('old')) : location.reload();
    const made = document.createElement('script');
    for (const { name, value } of [...script.attributes]) made.setAttribute(name, value);
    made.nonce = (document.querySelector('script[nonce]') || made).nonce;  // where the policy asks for one
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

const ACTS = {
  'datastar-patch-elements': (fields) => {
    const change = () => patch(fields.elements || '', fields);
    if (fields.useViewTransition === 'true' && document.startViewTransition) document.startViewTransition(change);
    else change();
  },
  'datastar-patch-signals': (fields) => {
    document.dispatchEvent(new CustomEvent('kali-signals', { detail: JSON.parse(fields.signals) }));
  },
  'kali-notify': (fields) => notify(fields.text),
};

const act = (type, data) => {
  if (!(type in ACTS)) {
    document.dispatchEvent(new CustomEvent('kali-event', { detail: data }));
    return;
  }
  const fields = fieldsOf(data);
  try {
    if (isForHere(fields.to)) ACTS[type](fields);
  } catch (error) {  // a selector that is none, say; the next event is another matter
    console.error(`${type}: ${error}`, data);
  }
};

export const notify = (text) => {
  let region = document.getElementById('kali-notices');
  if (!region) {
    region = document.createElement('div');
    region.id = 'kali-notices';
    region.setAttribute('role', 'status');
    // At the top, not over what is being typed at the end of the page; and nothing that is under it is out of reach.
    region.style.cssText = 'position: fixed; inset: .5rem .5rem auto auto; z-index: 98; max-width: min(24rem, 80%); '
      + 'margin: 0; padding: 0; border: 0; background: none; pointer-events: none';
    document.body.append(region);
  }
  const line = document.createElement('p');
  line.style.cssText = 'margin: 0 0 .5rem; padding: .5rem 1rem; background: Canvas; color: CanvasText; border: 1px solid';
  line.textContent = text;
  region.append(line);
  setTimeout(() => line.remove(), 8000);
};

const TYPES = ['message', 'datastar-patch-elements', 'datastar-patch-signals', 'kali-notify', 'kali-end'];

// One window holds the connection, under a lock; it tells the others. The next one to hold it goes on from the last event.
const RECENT = 100;  // events that are kept for a window that comes late
const streams = new Map();  // address -> functions that hear whether it is open

export const listen = (address, state = () => {}) => {
  const url = new URL(address);
  let seen = url.searchParams.get('last-event-id') || '';  // what the page knows already
  url.searchParams.delete('last-event-id');
  if (streams.has(url.href)) {
    streams.get(url.href).push(state);
    return;
  }
  const states = [state];
  streams.set(url.href, states);
  const told = (isUp) => states.forEach((each) => each(isUp));
  const name = `kali ${url}`;
  const me = `${Math.random()}`;
  const others = new BroadcastChannel(name);
  const recent = [{ id: seen }];
  let end = () => {};
  let isHolding = false;
  let isOver = false;  // a window that waits for the lock hears of the end as well, and has nothing to hold then
  const tellOthers = (said) => { if (!isOver) others.postMessage(said); };
  const hear = ({ type, data, id }) => {
    if (id && recent.some((event) => event.id === id)) return;  // told twice
    if (id) seen = id;
    recent.push({ type, data, id });
    if (recent.length > RECENT) recent.shift();
    if (type === 'kali-end') {
      isOver = true;
      end();
      others.close();
    } else {
      act(type, data);
    }
  };
  others.onmessage = ({ data: said }) => {
    if (said.asks !== undefined) {  // a new window asks what came after what it knows
      const place = recent.findIndex((event) => event.id === said.asks);
      if (isHolding && place >= 0) tellOthers({ to: said.me, events: recent.slice(place + 1) });
    } else if (said.isUp !== undefined) {
      told(said.isUp);
    } else if (said.to !== undefined) {
      if (said.to === me) said.events.forEach(hear);
    } else {
      hear(said);
    }
  };
  tellOthers({ asks: seen, me });
  const hold = () => new Promise((resolve) => {
    if (isOver) {
      resolve();
      return;
    }
    isHolding = true;
    const from = new URL(url);
    if (seen) from.searchParams.set('last-event-id', seen);
    const source = new EventSource(from);
    end = () => { source.close(); resolve(); };
    for (const type of TYPES) {
      source.addEventListener(type, (event) => {
        const said = { type, data: event.data, id: event.lastEventId };
        tellOthers(said);
        hear(said);
      });
    }
    const tell = (isUp) => { tellOthers({ isUp }); told(isUp); };
    source.onopen = () => tell(true);
    source.onerror = () => { tell(false); if (source.readyState === EventSource.CLOSED) resolve(); };  // refused for good
  });
  if (navigator.locks) navigator.locks.request(name, hold);
  else hold();
};

// Forms and links.

const pieces = (page, selector) => [...page.querySelectorAll(selector)];

const stateOf = (control) => JSON.stringify([control.value, control.checked,
  [...(control.selectedOptions || [])].map((option) => option.value)]);

const reset = (control) => {
  if (control.options) for (const option of control.options) option.selected = option.defaultSelected;
  else if (/^(checkbox|radio)$/.test(control.type)) control.checked = control.defaultChecked;
  else if (control.type === 'file') control.value = '';
  else if ('defaultValue' in control) control.value = control.defaultValue;
};

// `sent`: the controls of the form that was sent, and how they were then. The answer knows what was in them, so those in
// the parts that it has become as it has them, unless somebody has typed on.
const show = (page, selector, sent) => {
  const found = pieces(page, selector);
  const here = pieces(document, selector);
  if (!found.length || found.length !== here.length) return false;
  keepingFocus(() => found.forEach((element, number) => {
    if (isAlike(here[number], element)) morph(here[number], element);
    else here[number].replaceWith(element);
  }));
  for (const [control, state] of sent) {
    if (stateOf(control) === state && here.some((each) => each.contains(control))) reset(control);
  }
  if (page.title) document.title = page.title;
  document.dispatchEvent(new CustomEvent('kali-patched'));
  return true;
};

const hearEach = async (body) => {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    const blocks = (text + (value || '')).replace(/\r\n|\r(?=[^\n])/g, '\n').split('\n\n');
    text = done ? '' : blocks.pop();
    for (const block of blocks) {
      const of = (name) => block.split('\n').filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).replace(/^ /, ''));
      if (of('event').length || of('data').length) act(of('event').pop() || 'message', of('data').join('\n'));
    }
    if (done) return;
  }
};

// An answer that no part of this page is made for: as a browser shows it, without asking for it again if that would do
// something again.
const whole = async (answer, isSafe) => {
  const [kind, saved] = ['Content-Type', 'Content-Disposition'].map((name) => answer.headers.get(name) || '');
  if (isSafe || answer.redirected) {
    location.assign(answer.url);
  } else if (kind.startsWith('text/html')) {
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const scripts = [...page.querySelectorAll('script:not([src^="/.kali/"])')];  // those are here
    document.documentElement.replaceWith(page.documentElement);
    scripts.forEach(awake);
    document.dispatchEvent(new CustomEvent('kali-patched'));
  } else {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await answer.blob());
    if (saved.startsWith('attachment')) link.download = (/filename="([^"]*)"/.exec(saved) || ['', ''])[1];
    link.click();
  }
};

const ask = async (url, options, selector, sent) => {
  const isSafe = !/post/i.test(options.method);
  const answer = await fetch(url, { ...options, headers: { 'Datastar-Request': 'true', Accept: 'text/html, text/event-stream' } });
  const kind = answer.headers.get('Content-Type') || '';
  const [where, mode] = ['datastar-selector', 'datastar-mode'].map((name) => answer.headers.get(name) || '');
  if (answer.status === 204) return;
  if (kind.startsWith('text/event-stream')) {
    await hearEach(answer.body);
  } else if (where || mode) {
    const namespace = answer.headers.get('datastar-namespace') || '';
    patch(await answer.text(), { selector: where, mode: mode || 'outer', namespace });
  } else {
    const copy = answer.clone();
    const page = kind.startsWith('text/html') && new DOMParser().parseFromString(await answer.text(), 'text/html');
    const taken = answer.ok ? sent : [];
    if (page && (show(page, selector, taken) || show(page, 'main', taken))) {
      if (isSafe) history.replaceState(history.state, '', answer.url);
      const wrong = !answer.ok && document.querySelector('[aria-invalid="true"]:not(:has([aria-invalid]))');
      if (wrong) wrong.focus();
    } else {
      await whole(copy, isSafe);
    }
  }
};

// Without an answer the page stays, and what was typed: whether the program did what it was asked to, nobody knows.
const asked = async (element, url, options, sent = []) => {
  const selector = Element.prototype.getAttribute.call(element, 'data-kali-patch') || 'main';
  try {
    await ask(url, options, selector, sent);
  } catch (error) {
    console.error(error);
    notify(say('lost'));
  }
  document.dispatchEvent(new CustomEvent('kali-answered', { bubbles: true }));
};

addEventListener('submit', (event) => {
  const form = event.target;
  const button = event.submitter;
  const of = (name) => (button && button.getAttribute(`form${name}`)) || Element.prototype.getAttribute.call(form, name) || '';
  if (event.defaultPrevented || Element.prototype.getAttribute.call(form, 'data-kali-patch') === null) return;
  const method = of('method').toLowerCase() || 'get';
  const url = new URL(of('action') || location.href, location.href);
  if (method === 'dialog' || !/^(_self)?$/.test(of('target')) || url.origin !== location.origin) return;
  event.preventDefault();
  const data = new FormData(form, button);
  const sent = [...Reflect.get(HTMLFormElement.prototype, 'elements', form)].map((control) => [control, stateOf(control)]);
  if (method === 'get') url.search = new URLSearchParams(data);
  asked(form, url, method === 'get' ? {}
    : { method, body: of('enctype') === 'multipart/form-data' ? data : new URLSearchParams(data) }, sent);
});

addEventListener('click', (event) => {
  const link = event.target instanceof Element && Element.prototype.closest.call(event.target, 'a[data-kali-patch]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute('download')) return;
  event.preventDefault();
  asked(link, link.href, {});
});

// A field with this sends its form when it is changed, and as it is typed in; a moment's rest goes first.
let resting = 0;
addEventListener('input', (event) => {
  const control = event.target instanceof Element && event.target.closest('[data-kali-live]');
  if (!control || !control.form) return;
  clearTimeout(resting);
  resting = setTimeout(() => HTMLFormElement.prototype.requestSubmit.call(control.form), 200);
});

// A patch may bring what listens, too.
const attend = () => {
  for (const each of document.querySelectorAll('[data-kali-events]')) {
    listen(new URL(each.getAttribute('data-kali-events'), location.href).href);
  }
};
attend();
document.addEventListener('kali-patched', attend);
