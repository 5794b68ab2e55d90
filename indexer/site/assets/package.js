// One package: its builds in every channel, and how to install it. Every text of a package is
// upstream's, so it becomes a text node, never markup.

const MOST_ROWS = 100;

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
  const [came, made] = [day(entered), day(built)];
  if (!came && !made) return "";
  const shown = make("span", came || `built ${made}`);
  if (came && made) shown.title = `built ${made}`;
  return shown;
}

// A date in years of four digits; nothing for what is none, such as a time in microseconds.
function day(seconds) {
  const isDate = typeof seconds === "number" && seconds > 0 && seconds < 253402300800;
  return isDate ? new Date(seconds * 1000).toISOString().slice(0, 10) : "";
}

function amount(size) {
  if (!Number.isFinite(size)) return "";
  let found = size;
  for (const unit of ["B", "kB", "MB"]) {
    if (found < 999.5) return unit === "B" || found >= 99.95 ? `${Math.round(found)} ${unit}` : `${found.toFixed(1)} ${unit}`;
    found /= 1000;
  }
  return `${found.toFixed(1)} GB`;
}
