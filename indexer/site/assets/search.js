// The search over all channels. Its data is fetched on first use. Every text of a package is
// upstream's, so it becomes a text node, never markup.

const MOST_SHOWN = 50;
let loading = null; // a promise of the data
let matches = [];
let selected = -1;

const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};

// -- data ----------------------------------------------------------------------------------------

const plain = (name) => name.toLowerCase().replace(/[_.]/g, "-");

async function fetchJson(url, cache) {
  const answer = await fetch(url, { cache });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

function load() {
  loading ??= (async () => {
    const index = await fetchJson("/search.json", "no-cache");
    const channels = await Promise.all(
      index.channels.map(async (channel) => ({ ...channel, data: await fetchJson(channel.folder + channel.file) })),
    );
    return merge(channels);
  })().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

// One package for each name, with the channels that have it; the first one's version is shown.
function merge(channels) {
  const packages = new Map();
  for (const channel of channels) {
    const { names, versions, builds } = channel.data;
    for (let at = 0; at < names.length; at += 1) {
      const known = packages.get(names[at]);
      if (known) {
        known.channels.push(channel);
        known.builds += builds[at];
      } else {
        packages.set(names[at], {
          name: names[at], key: plain(names[at]), version: versions[at], builds: builds[at], channels: [channel],
        });
      }
    }
  }
  return { packages, list: [...packages.values()], isMixed: channels.length > 1 };
}

// FNV-1a of 32 bits, as indexer/site/search/catalog.py has it.
function bucketOf(name, count) {
  let found = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) found = Math.imul(found ^ byte, 0x01000193) >>> 0;
  return found % count;
}

async function details(channel, name) {
  const { buckets } = channel.data;
  const bucket = await fetchJson(`${channel.folder}bucket-${buckets[bucketOf(name, buckets.length)]}.json`);
  return new Map(Object.entries(bucket.names)).get(name);
}

// -- finding -------------------------------------------------------------------------------------

// All words must be in the name; the best first: the name itself, its beginning, a part of it that
// begins with the words, anything else.
function find(list, query) {
  const words = plain(query).split(/\s+/).filter(Boolean);
  if (!words.length) return { found: [], total: 0 };
  const [first] = words;
  const ranks = [[], [], [], []];
  let total = 0;
  for (const one of list) {
    const at = one.key.indexOf(first);
    if (at < 0 || !words.every((word) => one.key.includes(word))) continue;
    total += 1;
    if (at > 0) ranks[one.key.includes(`-${first}`) ? 2 : 3].push(one);
    else ranks[one.key.length === first.length ? 0 : 1].push(one);
  }
  const found = [];
  for (const rank of ranks) {
    if (found.length >= MOST_SHOWN) break;
    rank.sort((a, b) => a.key.length - b.key.length || (a.name < b.name ? -1 : 1));
    found.push(...rank.slice(0, MOST_SHOWN - found.length));
  }
  return { found, total };
}

// -- results -------------------------------------------------------------------------------------

function marked(one, query) {
  const bold = make("b");
  const [word] = plain(query).split(/\s+/).filter(Boolean);
  const at = one.key.indexOf(word);
  const end = at + word.length;
  bold.append(one.name.slice(0, at), make("mark", one.name.slice(at, end)), one.name.slice(end));
  return bold;
}

function row(one, number, query, isMixed) {
  const item = make("li");
  item.id = `result-${number}`;
  item.setAttribute("role", "option");
  const where = isMixed ? one.channels.map((channel) => channel.name).join(", ") : "";
  const count = `${one.builds.toLocaleString("en")} ${one.builds === 1 ? "build" : "builds"}`;
  item.append(
    marked(one, query), make("span", one.version, "version"),
    make("span", [count, where].filter(Boolean).join(" \u00b7 "), "where"),
  );
  item.addEventListener("click", () => open(one.name));
  return item;
}

function show(part) {
  byId("home").hidden = part !== "home";
  byId("found").hidden = part === "home";
  for (const id of ["found-count", "results"]) byId(id).hidden = part !== "results";
  byId("package").hidden = part !== "package";
  byId("query").setAttribute("aria-expanded", String(part === "results"));
}

function select(number) {
  const rows = byId("results").children;
  if (rows[selected]) rows[selected].setAttribute("aria-selected", "false");
  selected = Math.max(Math.min(number, rows.length - 1), rows.length ? 0 : -1);
  const now = rows[selected];
  if (!now) {
    byId("query").removeAttribute("aria-activedescendant");
    return;
  }
  now.setAttribute("aria-selected", "true");
  now.scrollIntoView({ block: "nearest" });
  byId("query").setAttribute("aria-activedescendant", now.id);
}

async function search() {
  const query = byId("query").value;
  if (!query.trim()) {
    show("home");
    return;
  }
  let data;
  try {
    if (!loading) byId("found-count").textContent = "Loading\u2026";
    show("results");
    data = await load();
  } catch (error) {
    byId("found-count").textContent = `The package list could not be loaded (${error.message}).`;
    byId("results").replaceChildren();
    return;
  }
  if (byId("query").value !== query) return; // typed on meanwhile
  const { found, total } = find(data.list, query);
  matches = found;
  selected = -1;
  byId("results").replaceChildren(...found.map((one, number) => row(one, number, query, data.isMixed)));
  byId("found-count").textContent = describe(total, found.length, query);
  select(0);
}

function describe(total, shown, query) {
  if (!total) return `No package here has "${query.trim()}" in its name.`;
  const count = `${total.toLocaleString("en")} ${total === 1 ? "package" : "packages"}`;
  return shown < total ? `${count}; the best ${shown}:` : count;
}

// -- keys and addresses --------------------------------------------------------------------------

function leave() {
  history.pushState(null, "", location.pathname);
  route();
  byId("query").focus();
}

function route() {
  let name = "";
  try {
    name = location.hash.startsWith("#package=") ? decodeURIComponent(location.hash.slice(9)) : "";
  } catch {
    // an address that somebody mistyped: the page as it is
  }
  if (name) showPackage(name);
  else search();
}

function pressed(event) {
  const query = byId("query");
  if (event.target !== query) {
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "radio";
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      query.focus();
      query.select();
    } else if (event.key === "Escape" && !byId("package").hidden) leave();
    return;
  }
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  if (event.key in steps && !byId("results").hidden && matches.length) {
    event.preventDefault();
    select(selected + steps[event.key]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (matches[selected] && !byId("results").hidden) open(matches[selected].name);
  } else if (event.key === "Escape") {
    query.value = "";
    leave();
  }
}

if (byId("search")) {
  byId("search").hidden = false;
  byId("search").addEventListener("submit", (event) => event.preventDefault());
  byId("query").addEventListener("focus", () => { load().catch(() => {}); }, { once: true });
  byId("query").addEventListener("input", () => {
    if (location.hash) history.pushState(null, "", location.pathname);
    search();
  });
  document.addEventListener("keydown", pressed);
  document.addEventListener("published", () => { loading = null; });
  addEventListener("popstate", route);
  addEventListener("hashchange", route);
  route();
}
