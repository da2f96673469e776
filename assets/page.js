// Pages are made by the server. This fetches the page again when something has happened, and puts what changed in its
// place. It also tells times, keeps what was read, copies to the clipboard, and moves with the keyboard.
"use strict";

// Milliseconds: how often the page is fetched when nothing happens, how soon again at most, and how long it may take.
const AGAIN = 15_000;
const PAUSE = 1_000;
const SLOWEST = 5_000;
const PATIENCE = 15_000;
const HOUR = 3_600_000;

const root = new URL(document.body.dataset.root, location);
const live = document.querySelector("#live");
const title = () => document.title.replace(/^\(\d+\) /, "");
let isOpen = false;
let isFresh = true;

// Says whether what is shown is what there is.
function tell() {
  const state = isOpen && isFresh ? "live" : "waiting";
  const text = !isFresh ? live.dataset.stale : isOpen ? live.dataset.live : live.dataset.waiting;
  if (live.dataset.state !== state || live.textContent !== text) {
    live.dataset.state = state;
    live.textContent = text;
  }
}

// Times of the last hour, as so long ago.
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "short" });
function tellTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const passed = Date.now() - new Date(time.dateTime);
    time.dataset.shown ??= time.textContent;
    const minutes = Math.floor(passed / 60_000);
    if (passed >= 0 && passed < HOUR) {
      time.textContent = minutes > 0 ? ago.format(-minutes, "minute") : ago.format(0, "second");
    } else {
      time.textContent = time.dataset.shown;
    }
  }
}

// What was read, kept in this browser: for each person the position of the last message that was on the screen.
const seen = {
  key: (person) => `seen ${root.pathname} ${person}`,
  get: (person) => Number(localStorage.getItem(seen.key(person)) ?? localStorage.getItem(seen.key("")) ?? 0),
  put: (person, position) => localStorage.setItem(seen.key(person), Math.max(position, seen.get(person))),
};
function markUnread(part) {
  const people = [...part.querySelectorAll("li[data-person]")];
  const newest = Math.max(0, ...people.map((row) => Number(row.dataset.position)));
  if (people.length > 0 && localStorage.getItem(seen.key("")) === null) {
    // What was there before this browser looked for the first time is not new.
    localStorage.setItem(seen.key(""), newest);
  }
  for (const row of people) {
    row.classList.toggle("unread", Number(row.dataset.position) > seen.get(row.dataset.person));
  }
}
function prepare(part) {
  tellTimes(part);
  markUnread(part);
  for (const row of part.querySelectorAll("[data-row]")) {
    row.tabIndex = -1;
  }
  const thread = part.querySelector("#conversation");
  if (thread && !document.hidden && thread.dataset.seen > 0) {
    seen.put(thread.dataset.person, Number(thread.dataset.seen));
  }
}

// What somebody is at work in stays as it is: a field with the focus, selected text, what is unfolded.
function isInUse(element) {
  const selection = document.getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}
const morph = {
  morphStyle: "innerHTML",
  ignoreActiveValue: true,
  restoreFocus: true,
  callbacks: {
    beforeNodeMorphed: (old, now) => {
      if (old instanceof HTMLDetailsElement) {
        now.open = old.open;
      }
      return !(old instanceof HTMLElement && (old.isEqualNode(now) || (old.matches("[data-row], p, pre") && isInUse(old))));
    },
  },
};

let tag = null;
// The number of the last hint: what another page has fetched since is good enough.
let tick = "";
// Puts the page as it is now in the place of what is shown. Answers whether anything changed.
async function refresh() {
  if (document.querySelector("#failure")) {
    // What failed may have been sent by a form: it is not repeated.
    return false;
  }
  const headers = { "x-live": tick, ...(tag ? { "if-none-match": tag } : {}) };
  tick = "";
  const answer = await fetch(location.href, { cache: "no-store", headers, signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status === 304) {
    return false;
  }
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  tag = answer.headers.get("etag");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.querySelector("#live")) {
    // The session is over.
    location.reload();
    return false;
  }
  const now = page.querySelector("main");
  const verdict = now.querySelector("#verdict")?.textContent;
  if (verdict && verdict !== document.querySelector("#verdict")?.textContent) {
    document.querySelector("#said").textContent = verdict;
  }
  now.querySelector("#result")?.remove();
  const result = document.querySelector("#result");
  if (result) {
    now.prepend(result.cloneNode(true));
  }
  prepare(now);
  const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
  document.title = page.title;
  Idiomorph.morph(document.querySelector("main"), now.innerHTML, morph);
  if (isAtEnd && document.querySelector("#thread")) {
    scrollTo(0, document.documentElement.scrollHeight);
  }
  return true;
}

// At most one at a time, and one more if something happened meanwhile. The less it brings, the longer it waits.
let running = false;
let wanted = false;
let pause = PAUSE;
async function wantRefresh() {
  wanted = true;
  if (running) {
    return;
  }
  running = true;
  while (wanted) {
    wanted = false;
    try {
      pause = (await refresh()) ? PAUSE : Math.min(pause * 2, SLOWEST);
      isFresh = true;
    } catch {
      isFresh = false;
    }
    tell();
    await new Promise((done) => setTimeout(done, pause));
  }
  running = false;
}

// Only while somebody looks: a browser has few connections to one host.
let stream = null;
function follow() {
  if (stream || document.hidden) {
    return;
  }
  stream = new EventSource(new URL("live", root));
  stream.addEventListener("open", () => {
    isOpen = true;
    tell();
    wantRefresh();
  });
  stream.addEventListener("changed", (event) => {
    tick = event.data;
    wantRefresh();
  });
  stream.addEventListener("error", () => {
    isOpen = false;
    tell();
    // Refused rather than broken off: the browser does not try again by itself.
    if (stream?.readyState === EventSource.CLOSED) {
      stream = null;
      wantRefresh();
      setTimeout(follow, PAUSE * 3);
    }
  });
}
function rest() {
  stream?.close();
  stream = null;
  isOpen = false;
}

// Notifications while the tab is hidden: a sound, a notice of the browser, and a number in the tab's title.
const button = document.querySelector("#notify");
const wish = `notify ${root.pathname}`;
const notifies = () => localStorage.getItem(wish) === "yes";
let notices = null;
let unseen = 0;
function listen() {
  if (notices || !document.hidden || !notifies()) {
    return;
  }
  notices = new EventSource(new URL("instagram/messages/stream?after=latest&direction=inbound", root));
  notices.addEventListener("message", (event) => announce(JSON.parse(event.data)));
}
function listenNoMore() {
  notices?.close();
  notices = null;
  unseen = 0;
  document.title = title();
}
function announce(message) {
  unseen += 1;
  document.title = `(${unseen}) ${title()}`;
  beep();
  if (window.Notification?.permission === "granted") {
    const name = message.displayName ?? message.username ?? message.contactId;
    const body = (message.text ?? message.kind).slice(0, 200);
    new Notification(`${button.dataset.new}: ${name}`, { body, tag: wish });
  }
}
function beep() {
  const sound = new AudioContext();
  const tone = sound.createOscillator();
  const volume = sound.createGain();
  volume.gain.value = 0.1;
  tone.connect(volume).connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.15);
  tone.addEventListener("ended", () => sound.close());
}
function showWish() {
  button.hidden = false;
  button.setAttribute("aria-pressed", notifies());
}

async function copy(source) {
  const text = source.dataset.copy;
  const label = source.textContent;
  let copied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS there is no clipboard but this one.
    const area = document.createElement("textarea");
    area.value = text;
    source.after(area);
    area.select();
    copied = document.execCommand("copy");
    area.remove();
    source.focus();
  }
  source.textContent = copied ? source.dataset.copied : source.dataset.failed;
  setTimeout(() => {
    source.textContent = label;
  }, 2_000);
}

document.addEventListener("click", (event) => {
  const source = event.target.closest("[data-copy]");
  if (source) {
    copy(source);
  }
});
// A second press of a button does nothing.
document.addEventListener("submit", (event) => {
  if (event.target.method === "post") {
    const sent = event.submitter;
    setTimeout(() => {
      if (sent) {
        sent.disabled = true;
      }
    });
  }
});
addEventListener("pageshow", () => {
  for (const one of document.querySelectorAll("button:disabled")) {
    one.disabled = false;
  }
});

// `/` searches, `j` and `k` move.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) {
    return;
  }
  if (event.key === "/") {
    (document.querySelector("main input[type=search]:not([hidden])") ?? document.querySelector("#find input"))?.focus();
    event.preventDefault();
  } else if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll("main [data-row], main .people a")];
    const place = rows.indexOf(document.activeElement.closest("[data-row], .people a"));
    const next = event.key === "j" ? place + 1 : Math.max(place - 1, 0);
    rows[Math.min(next, rows.length - 1)]?.focus();
  }
});

if (live) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `chatrace_webhook_zone=${encodeURIComponent(zone)}; SameSite=Lax; Max-Age=31536000; Path=${root.pathname}`;
  if (location.search.includes("done=")) {
    // To load the page again does not tell it again.
    history.replaceState(null, "", location.href.replace(/[?&]done=[^&]*$/, ""));
  }
  prepare(document);
  if (document.querySelector("#thread") && !location.search.includes("before=") && !location.hash) {
    scrollTo(0, document.documentElement.scrollHeight);
  }
  if (zone && document.body.dataset.zone !== zone && document.cookie.includes("chatrace_webhook_zone=")) {
    wantRefresh();
  }
  button.addEventListener("click", async () => {
    localStorage.setItem(wish, notifies() ? "no" : "yes");
    showWish();
    if (notifies()) {
      await window.Notification?.requestPermission();
    }
  });
  showWish();
  follow();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      rest();
      listen();
    } else {
      listenNoMore();
      follow();
      wantRefresh();
    }
  });
  setInterval(() => document.hidden || wantRefresh(), AGAIN);
  setInterval(() => tellTimes(document), 30_000);
}
