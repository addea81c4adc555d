/* The page on which a reader lays campaigns side by side. The choice stands in the address: #c=first,second.
 *
 * Each campaign's own data file has the levels of its best trial; the page's has the facts of all. Which facts must be
 * equal comes from runner.stats.compare by way of data-facts, so that there is one list.
 */
(() => {
  "use strict";
  const here = new URL(".", document.currentScript.src);
  const arrived = new Map();
  const before = window.__tunebook;
  window.__tunebook = (name, value) => { arrived.set(name, value); if (before) before(name, value); };

  const scripts = new Map();
  const load = (file) => {
    const href = String(new URL("../data/" + file + ".js", here));
    if (!scripts.has(href)) {
      scripts.set(href, new Promise((resolve, reject) => {
        const tag = document.createElement("script");
        tag.src = href;
        tag.onload = resolve;
        tag.onerror = () => { scripts.delete(href); reject(new Error("can not load " + href)); };
        document.head.append(tag);
      }));
    }
    return scripts.get(href);
  };

  const make = (name, text, attributes) => {
    const element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    return element;
  };

  // The first fact that differs, as runner.stats.compare.comparable has it.
  const differing = (a, b, facts) => {
    const names = a.runtime === b.runtime ? [...facts.always, ...facts.runtime] : facts.always;
    const found = names.find(([name]) => (a[name] ?? null) !== (b[name] ?? null));
    return found ? { name: found[0], words: found[1], a: a[found[0]] ?? "unknown", b: b[found[0]] ?? "unknown" } : null;
  };

  const number = (value, digits) => Number(value.toPrecision(digits)).toString();
  const seconds = (value) => value == null ? "–" : value < 1 ? number(value * 1000, 3) + " ms" : number(value, 3) + " s";
  const METRICS = [
    ["output_throughput", "Output throughput", (v) => v == null ? "–" : number(v, 4) + " tok/s", true],
    ["ttft_p50", "First token, p50", seconds, false],
    ["ttft_p99", "First token, p99", seconds, false],
    ["tpot_p50", "Per token, p50", seconds, false],
    ["tpot_p99", "Per token, p99", seconds, false],
  ];
  const load_text = (level) => level.load_kind === "concurrency"
    ? number(level.load_value, 6) + (level.load_value === 1 ? " user" : " users")
    : level.load_kind === "rate" ? number(level.load_value, 6) + " requests/s" : level.load_kind + " " + number(level.load_value, 6);
  const params = (json) => Object.entries(JSON.parse(json)).map(([name, value]) => name + "=" + value).join(" ") || "defaults";

  // An address that somebody cut or typed may hold a lone %: it is taken as it stands, and told as a name nobody has.
  const decoded = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
  const chosen = () => {
    const found = /(?:^#|&)c=([^&]*)/.exec(location.hash);
    return found ? found[1].split(",").map(decoded).filter(Boolean) : [];
  };

  const row = (head, cells, best) => {
    const line = make("tr");
    line.append(make("th", head, { scope: "row" }));
    cells.forEach((cell, place) => {
      const td = make("td", typeof cell === "string" ? cell : undefined, { class: "tb-num" });
      if (typeof cell !== "string") td.append(cell);
      if (best.includes(place)) { td.classList.add("tb-lead"); td.append(make("span", " ★", { title: "the best of these" })); }
      line.append(td);
    });
    return line;
  };

  const leaders = (values, more) => {
    const known = values.filter((value) => value != null);
    if (known.length < 2) return [];
    const best = more ? Math.max(...known) : Math.min(...known);
    const found = values.flatMap((value, place) => value === best ? [place] : []);
    return found.length === known.length ? [] : found;
  };

  const table = (facts, levels, ranked) => {
    const made = make("table", null, { class: "tb-table" });
    const head = make("tr");
    head.append(make("th", ""));
    for (const one of facts) {
      const cell = make("th", null, { class: "tb-num", scope: "col" });
      cell.append(make("a", one.campaign, { href: String(new URL("../campaigns/" + one.slug + "/index.html", here)) }));
      head.append(cell);
    }
    const thead = make("thead"); thead.append(head); made.append(thead);
    const body = make("tbody");
    body.append(row("Best trial", facts.map((one) => one.number + ", " + one.entry + " " + params(one.params_json)), []));
    const same = new Set(facts.map((one) => one.objective + " " + one.objective_at)).size === 1;
    const scores = facts.map((one) => one.score == null ? "–" : number(one.score, 4) + " " + one.unit + " (" + (one.basis === "confirmed" ? "confirmed" : "not confirmed") + ")");
    body.append(row(same ? "Score" : "Score (of different objectives)", scores,
      ranked && same ? leaders(facts.map((one) => one.score), facts[0].goal === "maximize") : []));
    const loads = new Map();
    levels.forEach((mine) => mine.forEach((level) => loads.set(level.scenario + ", " + load_text(level), level)));
    for (const key of loads.keys()) {
      const at = levels.map((mine) => mine.find((level) => level.scenario + ", " + load_text(level) === key && level.state === "complete"));
      for (const [name, title, text, more] of METRICS) {
        const values = at.map((level) => level ? level[name] : null);
        if (values.every((value) => value == null)) continue;
        body.append(row(title + ", " + key, values.map(text), ranked ? leaders(values, more) : []));
      }
    }
    made.append(body);
    const box = make("div", null, { class: "tb-scroll", tabindex: "0", role: "region", "aria-label": "The campaigns side by side" });
    box.append(made);
    return box;
  };

  const refusals = (facts, asked) => {
    const found = [];
    facts.forEach((a, i) => facts.slice(i + 1).forEach((b) => {
      const other = differing(a, b, asked);
      if (other) found.push(a.campaign + " and " + b.campaign + " are not comparable: " + other.words + " differs, " + other.a + " / " + other.b);
    }));
    return found;
  };

  let turn = 0;
  const show = async (place) => {
    const mine = ++turn;
    const all = arrived.get("data/compare").compare_facts;
    const asked = JSON.parse(place.dataset.facts);
    const names = chosen();
    const out = place.querySelector(".tb-compared");
    place.querySelectorAll("input").forEach((input, n) => { if (document.activeElement !== input) input.value = names[n] || ""; });
    const said = [];
    const facts = names.flatMap((name) => {
      const one = all.find((row) => row.campaign === name);
      if (!one) said.push("No campaign with a result is called " + name + ".");
      return one ? [one] : [];
    }).slice(0, Number(place.dataset.most));
    if (names.length > Number(place.dataset.most)) said.push("Only the first " + place.dataset.most + " are shown.");
    if (new Set(names).size < names.length) said.push("A campaign is named twice.");
    try {
      await Promise.all(facts.map((one) => load("campaigns/" + one.slug)));
    } catch (error) {
      said.push(error.message + ".");
    }
    if (mine !== turn) return; // the reader chose something else meanwhile
    const levels = facts.map((one) => ((arrived.get("data/" + one.slug) || {}).compared_levels || []).filter((level) => level.which === "best"));
    const refused = refusals(facts, asked);
    out.replaceChildren();
    for (const text of said) out.append(make("p", text, { class: "tb-muted" }));
    if (facts.length < 2) {
      out.append(make("p", "Name two campaigns or more.", { class: "tb-muted" }));
    } else {
      if (refused.length) {
        const box = make("div", null, { class: "tb-doubts", role: "alert" });
        box.append(make("b", "Not comparable"));
        const list = make("ul");
        refused.forEach((text) => list.append(make("li", text)));
        box.append(list, make("p", "Their numbers stand side by side all the same, without a best."));
        out.append(box);
      }
      out.append(table(facts, levels, !refused.length));
    }
    place.dataset.shown = names.join(",");
  };

  const start = async () => {
    const place = document.getElementById("tb-compare");
    if (!place || place.dataset.ready !== undefined) return;
    place.dataset.ready = "";
    const form = make("form", null, { class: "tb-choice", "aria-label": "Campaigns to compare" });
    const names = make("datalist", null, { id: "tb-campaigns" });
    for (let n = 0; n < Number(place.dataset.most); n++) {
      form.append(make("input", null, { list: "tb-campaigns", placeholder: n < 2 ? "campaign" : "one more", "aria-label": "Campaign " + (n + 1), spellcheck: "false" }));
    }
    form.append(make("button", "Compare", { type: "submit", class: "md-button" }));
    place.append(form, names, make("div", null, { class: "tb-compared", "aria-live": "polite" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const asked = [...form.querySelectorAll("input")].map((input) => input.value.trim()).filter(Boolean);
      if (document.activeElement) document.activeElement.blur();
      location.hash = "c=" + asked.map(encodeURIComponent).join(",");
    });
    try {
      await load("compare");
    } catch (error) {
      place.append(make("p", error.message, { class: "tb-instead" }));
      return;
    }
    for (const one of arrived.get("data/compare").compare_facts) names.append(make("option", null, { value: one.campaign }));
    await show(place);
  };

  addEventListener("hashchange", () => {
    const place = document.getElementById("tb-compare");
    if (place && arrived.has("data/compare")) show(place);
  });
  window.tunebookDiffering = differing; // for the test that sets it against runner.stats.compare
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start); else start();
})();
