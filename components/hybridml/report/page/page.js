"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const stacks = [...document.querySelectorAll(".stack")];
  const items = [...document.querySelectorAll(".tree > li")];
  const squares = new Map([...document.querySelectorAll(".sq")].map((square) => [Number(square.dataset.r), square]));
  const tabs = [...document.querySelectorAll(".stacks a")];
  const narrow = matchMedia("(max-width: 59.99rem)");
  const needed = data.map(() => []);
  data.forEach((entry, number) => (entry.needs || []).forEach((other) => needed[other].push(number)));
  const SHOWN = 14;

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const draw = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const within = (number, selector) => items[number].querySelector(selector);
  const nameOf = (number) => within(number, ".name").textContent;
  const typeOf = (number) => within(number, ".type").textContent;
  const linkTo = (number) => {
    const link = make("a", "", nameOf(number));
    link.href = `#r=${number}`;
    link.title = typeOf(number);
    return link;
  };

  // --- one stack at a time, where there are several
  const showStack = (number) => {
    stacks.forEach((stack, index) => { stack.hidden = index !== number; });
    tabs.forEach((tab, index) => (index === number ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current")));
  };

  // --- the tree: which rows are shown
  const explorers = stacks.map((stack) => {
    const rows = [...stack.querySelectorAll(".tree > li")];
    const explorer = { stack, rows, tree: stack.querySelector(".tree"), inspector: stack.querySelector(".inspector"), filters: new Map(), query: "" };
    if (!rows.length) return explorer;
    explorer.home = explorer.inspector.parentElement;
    explorer.search = stack.querySelector(".search");
    explorer.tree.setAttribute("role", "tree");
    const deep = rows.length > 60 ? 2 : 99;
    rows.forEach((row, index) => {
      row.setAttribute("role", "treeitem");
      row.setAttribute("aria-level", row.dataset.l);
      row.setAttribute("aria-selected", "false");
      row.tabIndex = index ? -1 : 0;
      row.haystack = [row.textContent, row.querySelector(".place")?.title, row.dataset.p].join(" ").toLowerCase();
      if (+row.dataset.z) row.setAttribute("aria-expanded", String(+row.dataset.l < deep));
    });
    stack.querySelectorAll(".js").forEach((element) => { element.hidden = false; });
    return explorer;
  });

  const unfold = (explorer) => {
    let until = 0;
    explorer.rows.forEach((row, index) => {
      const folded = index < until;
      row.classList.toggle("folded", folded);
      if (!folded && row.getAttribute("aria-expanded") === "false") until = Math.max(until, index + 1 + +row.dataset.z);
    });
  };

  const matches = (explorer, row, terms) =>
    terms.every((term) => row.haystack.includes(term)) &&
    [...explorer.filters].every(([key, values]) => !values.size || values.has(row.dataset[key]));

  const sift = (explorer) => {
    if (!explorer.rows.length) return;
    const terms = explorer.query.toLowerCase().split(/\s+/).filter(Boolean);
    const sifting = terms.length > 0 || [...explorer.filters.values()].some((values) => values.size);
    const found = new Set(sifting ? explorer.rows.filter((row) => matches(explorer, row, terms)) : explorer.rows);
    const kept = new Set(found);
    const above = [];
    explorer.rows.forEach((row) => {
      above.length = +row.dataset.l - 1;
      if (found.has(row)) above.forEach((holder) => kept.add(holder));
      above.push(row);
    });
    explorer.rows.forEach((row) => {
      row.classList.toggle("away", !kept.has(row));
      row.classList.toggle("context", sifting && kept.has(row) && !found.has(row));
      squares.get(+row.dataset.n)?.classList.toggle("out", !found.has(row));
      if (sifting && kept.has(row)) row.classList.remove("folded");
    });
    if (!sifting) unfold(explorer);
    explorer.stack.querySelector(".found").textContent = sifting ? `${found.size} of ${explorer.rows.length}` : "";
  };

  // --- the selected resource
  const shorten = (text, room) => (text.length <= room ? text : `${text.slice(0, Math.ceil(room / 2) - 1)}…${text.slice(1 - Math.floor(room / 2))}`);

  const neighbourhood = (number, width) => {
    const left = 56, step = 22;
    const before = data[number].needs || [], after = needed[number];
    const lines = [];
    const side = (title, numbers) => {
      if (!numbers.length) return;
      lines.push({ title: `${title} ${numbers.length}` });
      numbers.slice(0, SHOWN).forEach((each) => lines.push({ number: each }));
      if (numbers.length > SHOWN) lines.push({ title: `and ${numbers.length - SHOWN} more, listed below` });
    };
    side("needs", before);
    lines.push({ number });
    side("needed by", after);
    const place = new Map();
    lines.forEach((line, index) => { if (line.number !== undefined) place.set(line.number, 14 + index * step); });
    const picture = draw("svg", { class: "near", viewBox: `0 0 ${width} ${lines.length * step + 6}`, height: lines.length * step + 6, role: "group", "aria-label": `What ${nameOf(number)} needs, and what needs it` });
    const arc = (from, to, kind) => {
      const a = place.get(from), b = place.get(to), reach = Math.max(6, left - 12 - Math.min(40, 8 + Math.abs(a - b) / 4));
      picture.append(draw("path", { class: kind, d: `M${left - 12} ${a} C${reach - 18} ${a} ${reach - 18} ${b} ${left - 12} ${b}` }));
    };
    place.forEach((_, each) => (data[each].needs || []).forEach((other) => {
      if (place.has(other) && each !== number && other !== number) arc(each, other, "");
    }));
    place.forEach((_, each) => {
      if (each !== number && before.includes(each)) arc(number, each, "needs");
      if (each !== number && after.includes(each)) arc(each, number, "needed");
    });
    lines.forEach((line, index) => {
      const y = 14 + index * step;
      if (line.number === undefined) {
        picture.append(draw("text", { x: left, y: y + 4, class: "h" }, line.title));
        return;
      }
      const self = line.number === number, room = Math.floor((width - left) / 7.2);
      const name = shorten(nameOf(line.number), room), type = typeOf(line.number).split(/[:/]/).pop();
      const label = draw("text", { x: left, y: y + 4.5, class: self ? "self" : "" }, name);
      if (name.length + type.length + 2 < room) label.append(draw("tspan", { class: "t", dx: 8 }, type));
      const holder = self ? picture : draw("a", { href: `#r=${line.number}` });
      holder.append(draw("circle", { cx: left - 12, cy: y, r: self ? 5.5 : 4, class: self ? "me" : "" }), label);
      if (!self) picture.append(holder);
    });
    return picture;
  };

  const tone = (text) => (text === "[secret]" ? "secret" : text === "[unknown]" || text.includes("hybridml-unknown") ? "unknown" : "");
  const scalar = (value) => {
    let text = typeof value === "string" ? value : JSON.stringify(value);
    if (typeof value === "string" && /^\s*[[{]/.test(value)) {
      try { text = JSON.stringify(JSON.parse(value), null, 2); } catch { text = value; }
    }
    const long = text.length > 400;
    const element = make("span", `value ${tone(text.length > 400 ? "" : text)}${long ? " long" : ""}`, text === "" ? '""' : text);
    if (long) element.tabIndex = 0;
    return element;
  };
  const properties = (values) => {
    const list = make("dl");
    Object.entries(values).forEach(([key, value]) => {
      const nested = value !== null && typeof value === "object" && Object.keys(value).length > 0;
      const line = make("div", nested ? "deep" : Array.isArray(values) ? "item" : ""), term = make("dt", "", Array.isArray(values) ? `[${key}]` : key), said = make("dd");
      said.append(nested ? properties(value) : scalar(value));
      line.append(term, said);
      list.append(line);
    });
    return list;
  };
  const block = (panel, title, element) => panel.append(make("h4", "", title), element);
  const tags = (numbers) => {
    const list = make("div", "tags");
    numbers.forEach((each) => list.append(linkTo(each)));
    return list;
  };

  const inspect = (explorer, number) => {
    const entry = data[number], panel = explorer.inspector, row = items[number];
    panel.replaceChildren();
    const holders = [];
    for (let up = entry.parent; up !== undefined && holders.length < 50; up = data[up].parent) holders.unshift(up);
    if (holders.length) {
      const path = make("p", "path");
      holders.forEach((each) => path.append(linkTo(each), " › "));
      panel.append(path);
    }
    const title = make("h3");
    title.append(make("bdi", "", nameOf(number)));
    panel.append(title, make("p", "type", typeOf(number)));
    const source = within(number, ".place");
    if (source) panel.append(make("p", "place", source.title));
    panel.append(make("p", "urn", entry.urn || ""));
    if (narrow.matches) row.append(panel); else explorer.home.append(panel);
    const needs = entry.needs || [];
    if (needs.length || needed[number].length) panel.append(neighbourhood(number, Math.max(280, panel.clientWidth - 14)));
    if (needs.length > SHOWN) block(panel, `Needs ${needs.length}`, tags(needs));
    if (needed[number].length > SHOWN) block(panel, `Needed by ${needed[number].length}`, tags(needed[number]));
    const held = data.flatMap((other, index) => (other.parent === number ? [index] : []));
    if (held.length) block(panel, `Holds ${held.length}`, tags(held));
    [["Inputs", "inputs"], ["Outputs", "outputs"], ["Options", "options"]].forEach(([title_, key]) => {
      if (!entry[key]) return;
      const values = make("div", "props");
      values.append(properties(entry[key]));
      block(panel, title_, values);
    });
    if (!narrow.matches) panel.scrollTop = 0;
  };

  const explorerOf = (number) => explorers.find((explorer) => explorer.rows.includes(items[number]));
  let selected = null;
  const focusRow = (explorer, row, take) => {
    explorer.rows.forEach((each) => { each.tabIndex = each === row ? 0 : -1; });
    if (take) row.focus({ preventScroll: true });
  };
  const select = (number) => {
    const explorer = explorerOf(number), row = items[number];
    if (selected !== null) { items[selected].setAttribute("aria-selected", "false"); squares.get(selected)?.classList.remove("on"); }
    selected = number;
    for (let up = data[number].parent; up !== undefined; up = data[up].parent) items[up].setAttribute("aria-expanded", "true");
    if (row.classList.contains("away")) { explorer.query = ""; explorer.search.value = ""; explorer.filters.clear(); pressed(explorer); }
    sift(explorer);
    row.setAttribute("aria-selected", "true");
    squares.get(number)?.classList.add("on");
    focusRow(explorer, row, false);
    inspect(explorer, number);
    explorer.stack.querySelector(".chosen").textContent =
      `${nameOf(number)} chosen, needs ${(data[number].needs || []).length}, needed by ${needed[number].length}`;
    const seen = narrow.matches ? row : explorer.home, top = narrow.matches ? row : explorer.stack.querySelector(".tools");
    if (seen.getBoundingClientRect().top > innerHeight / 2) top.scrollIntoView({ behavior: "instant" });
    row.querySelector(".row").scrollIntoView({ block: "nearest", behavior: "instant" });
  };
  const pressed = (explorer) => explorer.stack.querySelectorAll(".chips button").forEach((button) => {
    button.setAttribute("aria-pressed", String(Boolean(explorer.filters.get(button.dataset.filter)?.has(button.dataset.value))));
  });

  const shown = (explorer) => explorer.rows.filter((row) => !row.classList.contains("away") && !row.classList.contains("folded"));
  const fold = (explorer, row, open) => {
    row.setAttribute("aria-expanded", String(open));
    sift(explorer);
  };
  const keys = (explorer, event) => {
    const row = event.target.closest("li");
    if (!row || event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = shown(explorer), at = rows.indexOf(row), open = row.getAttribute("aria-expanded");
    const holder = data[+row.dataset.n].parent;
    const go = { ArrowDown: rows[at + 1], ArrowUp: rows[at - 1], Home: rows[0], End: rows[rows.length - 1] }[event.key];
    if (go) { focusRow(explorer, go, true); go.scrollIntoView({ block: "nearest" }); }
    else if (event.key === "ArrowRight" && open === "false") fold(explorer, row, true);
    else if (event.key === "ArrowRight" && open === "true" && rows[at + 1]) focusRow(explorer, rows[at + 1], true);
    else if (event.key === "ArrowLeft" && open === "true") fold(explorer, row, false);
    else if (event.key === "ArrowLeft" && holder !== undefined) focusRow(explorer, items[holder], true);
    else if (event.key === "Enter" || event.key === " ") location.hash = `r=${row.dataset.n}`;
    else return;
    event.preventDefault();
  };

  explorers.forEach((explorer) => {
    if (!explorer.rows.length) return;
    explorer.tree.addEventListener("keydown", (event) => keys(explorer, event));
    explorer.tree.addEventListener("click", (event) => {
      if (event.target.closest(".inspector")) return;
      const row = event.target.closest("li");
      if (!row) return;
      if (event.target.closest(".twist") && row.hasAttribute("aria-expanded")) fold(explorer, row, row.getAttribute("aria-expanded") === "false");
      else if (+row.dataset.n === selected) inspect(explorer, selected);
      else location.hash = `r=${row.dataset.n}`;
    });
    explorer.search.addEventListener("input", () => { explorer.query = explorer.search.value; sift(explorer); });
    explorer.stack.querySelector(".chips").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const values = explorer.filters.get(button.dataset.filter) || new Set();
      explorer.filters.set(button.dataset.filter, values);
      if (!values.delete(button.dataset.value)) values.add(button.dataset.value);
      pressed(explorer);
      sift(explorer);
    });
    unfold(explorer);
  });

  // --- where the address says to look: #r=NUMBER, #q=WORDS&s=STACK, or the id of a part
  const follow = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    const target = location.hash.includes("=") ? null : document.getElementById(location.hash.slice(1));
    const number = Number(said.get("r") ?? NaN);
    const explorer = Number.isInteger(number) && items[number] ? explorerOf(number) : null;
    const home = target?.closest(".stack");
    showStack(explorer ? stacks.indexOf(explorer.stack) : home ? stacks.indexOf(home) : Math.min(Math.max(0, Number(said.get("s")) || 0), stacks.length - 1));
    if (said.has("q")) {
      const searched = explorers[stacks.findIndex((stack) => !stack.hidden)];
      searched.query = said.get("q");
      if (searched.search) searched.search.value = searched.query;
      sift(searched);
    }
    if (explorer) select(number);
    if (home && home !== target) target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  narrow.addEventListener("change", () => { if (selected !== null) inspect(explorerOf(selected), selected); });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input")) return;
    event.preventDefault();
    explorers.find((explorer) => !explorer.stack.hidden)?.search?.focus();
  });
  const closed = [];
  addEventListener("beforeprint", () => document.querySelectorAll(".part > details:not([open])").forEach((each) => { each.open = true; closed.push(each); }));
  addEventListener("afterprint", () => closed.splice(0).forEach((each) => { each.open = false; }));
  follow();
})();
