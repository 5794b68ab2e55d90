// The search over all channels. Its data is fetched on first use. Every text of a package is
// upstream's, so it becomes a text node, never markup.

const MOST_SHOWN = 50;
const MOST_ROWS = 100;
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

// FNV-1a of 32 bits, as indexer/site/catalog.py has it.
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

// -- one package ---------------------------------------------------------------------------------

const quoted = (word) => (/^[\w.=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function installLine(channel, spec) {
  const tool = document.querySelector("input[name=client]:checked")?.value || "conda";
  if (tool === "pixi") {
    const add = channel.pixi ? `pixi workspace channel add ${quoted(channel.pixi)} && ` : "";
    return `${add}pixi add ${quoted(spec)}`;
  }
  return `${tool} install ${channel.install ? `-c ${quoted(channel.install)} ` : ""}${quoted(spec)}`;
}

function open(name) {
  const hash = `#package=${encodeURIComponent(name)}`;
  if (location.hash === hash) route();
  else location.hash = hash;
}

async function showPackage(name) {
  const article = byId("package");
  show("package");
  article.replaceChildren(make("p", "Loading\u2026", "soft"));
  try {
    article.replaceChildren(...await describePackage(name));
  } catch {
    loading = null; // what we know may be of a generation that is gone: once more from the beginning
    try {
      article.replaceChildren(...await describePackage(name));
    } catch (error) {
      article.replaceChildren(backBar(), make("p", `This package could not be loaded (${error.message}).`));
    }
  }
  scrollTo(0, 0);
}

async function describePackage(name) {
  const known = (await load()).packages.get(name);
  if (!known) return [backBar(), make("h2", name), make("p", "No channel of this mirror has this package.")];
  const found = await Promise.all(known.channels.map(async (channel) => [channel, await details(channel, name)]));
  const summary = found.map(([, one]) => one?.summary).find(Boolean);
  const parts = [backBar(), make("h2", name)];
  if (summary) parts.push(make("p", summary));
  for (const [channel, one] of found) if (one) parts.push(channelPart(channel, name, one));
  return parts;
}

function backBar() {
  const back = make("button", "\u2190 Back");
  back.type = "button";
  back.addEventListener("click", leave);
  return back;
}

function channelPart(channel, name, one) {
  const part = make("section", undefined, "card");
  const title = make("h3", channel.name);
  const line = make("pre", undefined, "command");
  const text = make("code", installLine(channel, name));
  line.append(text);
  const wide = make("div", undefined, "wide");
  const table = make("table");
  const body = make("tbody");
  const heading = make("tr");
  const columns = [["version"], ["build"], ["subdir"], ["size", "n"], ["licence", "extra"], ["came in", "extra"]];
  for (const [word, className] of columns) {
    const cell = make("th", word, className);
    cell.scope = "col";
    heading.append(cell);
  }
  const choose = (spec, chosen) => {
    showCommand(text, installLine(channel, spec));
    body.querySelector(".chosen")?.classList.remove("chosen");
    chosen.classList.add("chosen");
  };
  const subdirs = [...new Set(one.builds.map((build) => build[2]))].sort();
  const fill = (subdir, most) => {
    const rows = one.builds.filter((build) => !subdir || build[2] === subdir);
    body.replaceChildren(...rows.slice(0, most).map((build) => buildRow(channel, name, build, choose)));
    const hidden = rows.length - Math.min(rows.length, most);
    more.hidden = !hidden;
    more.textContent = `Show ${hidden.toLocaleString("en")} more`;
    more.onclick = () => fill(subdir, Infinity);
  };
  const more = make("button");
  more.type = "button";
  if (subdirs.length > 1) title.append(subdirChoice(subdirs, channel, (subdir) => fill(subdir, MOST_ROWS)));
  const head = make("thead");
  head.append(heading);
  table.append(head, body);
  wide.append(table);
  part.append(title, line, wide, more);
  if (one.more) part.append(make("p", `${one.more.toLocaleString("en")} older builds are here too, not listed.`, "soft"));
  fill("", MOST_ROWS);
  addCopyButtons(part);
  return part;
}

function subdirChoice(subdirs, channel, changed) {
  const choice = make("select");
  choice.setAttribute("aria-label", `Subdir in ${channel.name}`);
  for (const [value, label] of [["", "all subdirs"], ...subdirs.map((subdir) => [subdir, subdir])]) {
    const option = make("option", label);
    option.value = value;
    choice.append(option);
  }
  choice.addEventListener("change", () => changed(choice.value));
  return choice;
}

function buildRow(channel, name, build, choose) {
  const [version, string, subdir, ending, size, licence, built, entered] = build;
  const line = make("tr");
  const pin = make("button", version);
  pin.type = "button";
  pin.title = "Install exactly this build";
  pin.addEventListener("click", () => choose(`${name}=${version}=${string}`, line));
  const link = make("a", string);
  link.href = `${channel.path}/${subdir}/${encodeURIComponent(`${name}-${version}-${string}${ending}`)}`;
  link.title = `${name}-${version}-${string}${ending}`;
  link.rel = "nofollow";
  const cells = [pin, link, subdir, amount(size), licence, date(entered, built)];
  cells.forEach((content, at) => {
    const cell = make("td", undefined, { 3: "n", 4: "extra", 5: "extra" }[at]);
    cell.append(content);
    line.append(cell);
  });
  return line;
}

function date(entered, built) {
  if (!entered && !built) return "";
  const text = new Date((entered || built) * 1000).toISOString().slice(0, 10);
  const shown = make("span", entered ? text : `built ${text}`);
  if (entered && built) shown.title = `built ${new Date(built * 1000).toISOString().slice(0, 10)}`;
  return shown;
}

function amount(size) {
  let found = size;
  for (const unit of ["B", "kB", "MB"]) {
    if (found < 999.5) return unit === "B" || found >= 99.95 ? `${Math.round(found)} ${unit}` : `${found.toFixed(1)} ${unit}`;
    found /= 1000;
  }
  return `${found.toFixed(1)} GB`;
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
