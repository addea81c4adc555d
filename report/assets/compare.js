/* The page on which a reader lays campaigns and runs side by side. charts.js brings it where a page has a #tb-compare.
 *
 * The choice stands in the address: #c=first,second@3 is the campaign `first` and the third run of `second`. The page's
 * data file has the facts of all campaigns; the levels of a campaign and all about its runs are in its own. Which facts
 * must be equal comes from runner.stats.compare by way of data-facts, so that there is one list.
 */
(() => {
  "use strict";
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

  const worded = (text) => make("span", text, { class: "tb-words" }); // broken into lines, as numbers are not

  const leaders = (values, more) => {
    const known = values.filter((value) => value != null);
    if (known.length < 2) return [];
    const best = more ? Math.max(...known) : Math.min(...known);
    const found = values.flatMap((value, place) => value === best ? [place] : []);
    return found.length === known.length ? [] : found;
  };

  const label = (one) => one.run === undefined ? one.campaign : one.campaign + ", run " + one.run;
  const moment = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ") + " UTC";

  const framed = (made, label) => {
    const box = make("div", null, { class: "tb-scroll", tabindex: "0", role: "region", "aria-label": label });
    box.append(made);
    return box;
  };
  const headed = (facts, here) => {
    const made = make("table", null, { class: "tb-table" });
    const head = make("tr");
    head.append(make("th", ""));
    for (const one of facts) {
      const cell = make("th", null, { class: "tb-num", scope: "col" });
      const anchor = one.run === undefined ? "" : one.run > one.runs - LISTED ? "#run-" + one.run : "#runs";
      cell.append(make("a", label(one), { href: String(new URL("../campaigns/" + one.slug + "/index.html" + anchor, here)) }));
      head.append(cell);
    }
    const thead = make("thead"), body = make("tbody");
    thead.append(head);
    made.append(thead, body);
    return [made, body];
  };
  const LISTED = 20; // runs in the list of a campaign's page

  const table = (facts, ranked, here) => {
    const [made, body] = headed(facts, here);
    if (facts.some((one) => one.run !== undefined)) {
      body.append(row("Run began", facts.map((one) => worded(one.run === undefined ? "–" : moment(one.begin_ms))), []));
    }
    body.append(row("Best trial", facts.map((one) => worded(one.number + ", " + one.entry + " " + params(one.params_json))), []));
    const same = new Set(facts.map((one) => one.objective + " " + one.objective_at)).size === 1;
    const scores = facts.map((one) => worded(one.score == null ? "–" : number(one.score, 4) + " " + one.unit + " (" + (one.basis === "confirmed" ? "confirmed" : "not confirmed") + ")"));
    body.append(row(same ? "Score" : "Score (of different objectives)", scores,
      ranked && same ? leaders(facts.map((one) => one.score), facts[0].goal === "maximize") : []));
    const loads = new Set(facts.flatMap((one) => one.levels.map((level) => level.scenario + ", " + load_text(level))));
    for (const key of loads) {
      const at = facts.map((one) => one.levels.find((level) => level.scenario + ", " + load_text(level) === key && level.state === "complete"));
      for (const [name, title, text, more] of METRICS) {
        const values = at.map((level) => level ? level[name] : null);
        if (values.every((value) => value == null)) continue;
        body.append(row(title + ", " + key, values.map(text), ranked ? leaders(values, more) : []));
      }
    }
    return framed(made, "Side by side");
  };

  // All facts, so that a reader sees what is equal too. Two engines always differ in version and image: no difference.
  const under = (facts, asked, open, here) => {
    const [made, body] = headed(facts, here);
    for (const [within, names] of [[false, asked.always], [true, [["runtime", "engine"], ...asked.runtime]]]) {
      for (const [name, words] of names) {
        const cells = facts.map((one) => worded(one[name] == null ? "unknown" : HASHES.includes(name) ? one[name].slice(0, 19) : one[name]));
        const apart = name !== "runtime" && facts.some((a) => facts.some((b) => (!within || a.runtime === b.runtime) && (a[name] ?? null) !== (b[name] ?? null)));
        body.append(row(apart ? words + " ≠" : words, cells, []));
      }
    }
    const folded = make("details");
    folded.open = open;
    folded.append(make("summary", "What they were measured under"), framed(made, "Facts side by side"));
    return folded;
  };
  const HASHES = ["workload_key", "image_digest"];

  const refusals = (facts, asked) => {
    const found = [];
    facts.forEach((a, i) => facts.slice(i + 1).forEach((b) => {
      const other = differing(a, b, asked);
      if (other) found.push(label(a) + " and " + label(b) + " are not comparable: " + other.words + " differs, " + other.a + " / " + other.b);
    }));
    return found;
  };

  // A name, or one with the number of a run behind an @. A campaign may have an @ in its name.
  const parsed = (token, all) => {
    const whole = all.find((one) => one.campaign === token);
    const cut = /^(.+)@(\d+)$/.exec(token);
    if (whole || !cut) return { of: whole };
    return { of: all.find((one) => one.campaign === cut[1]), run: Number(cut[2]) };
  };

  // What is known of a choice, or why there is nothing to show.
  const found = (token, { of, run }, own) => {
    if (!of) return "No campaign with a result is called " + token + ".";
    const all = own || {};
    if (run === undefined || (run === 1 && of.runs === 1)) {
      return { ...of, levels: (all.compared_levels || []).filter((level) => level.which === "best") };
    }
    if (run < 1 || run > of.runs) return of.campaign + " ran " + (of.runs === 1 ? "once" : of.runs + " times") + ": there is no run " + run + ".";
    const one = (all.compared_runs || []).find((other) => other.run === run);
    if (!one) return "Run " + run + " of " + of.campaign + " is not among its latest hundred: runs.csv has it.";
    if (one.number === null) return "Nothing that run " + run + " of " + of.campaign + " measured succeeded.";
    return { ...one, levels: (all.run_levels || []).filter((level) => level.run === run) };
  };

  // The one page of this kind that is open; `parts` are those of charts.js.
  let page = null, turn = 0;

  const chosen = () => {
    const part = /(?:^#|&)c=([^&]*)/.exec(location.hash);
    return part ? part[1].split(",").map(page.parts.decoded).filter(Boolean) : [];
  };
  const dataOf = async (campaign) => {
    const { load, arrived, here } = page.parts;
    await load(new URL("../data/campaigns/" + campaign.slug + ".js", here));
    return arrived.get("data/" + campaign.slug);
  };

  const show = async () => {
    const mine = ++turn;
    const { place, all, asked, most, parts } = page;
    const tokens = chosen();
    fill(tokens);
    const said = [];
    const used = tokens.slice(0, most).map((token) => ({ token, ...parsed(token, all) }));
    const own = await Promise.all(used.map((one) => one.of ? dataOf(one.of).catch((error) => { said.push(error.message + "."); }) : undefined));
    if (mine !== turn) return; // the reader chose something else meanwhile
    const facts = used.map((one, place) => found(one.token, one, own[place]))
      .filter((one) => typeof one !== "string" || !said.push(one));
    if (tokens.length > most) said.push("Only the first " + most + " are shown.");
    if (new Set(tokens).size < tokens.length) said.push("The same is named twice.");
    const refused = refusals(facts, asked);
    const out = place.querySelector(".tb-compared");
    out.replaceChildren();
    for (const text of said) out.append(make("p", text, { class: "tb-muted" }));
    if (facts.length < 2) {
      out.append(make("p", "Name two campaigns or more, or two runs of one.", { class: "tb-muted" }));
    } else {
      if (refused.length) {
        const box = make("div", null, { class: "tb-doubts", role: "alert" });
        box.append(make("b", "Not comparable"));
        const list = make("ul");
        refused.forEach((text) => list.append(make("li", text)));
        box.append(list, make("p", "Their numbers stand side by side all the same, without a best."));
        out.append(box);
      }
      out.append(table(facts, !refused.length, parts.here), under(facts, asked, refused.length > 0, parts.here));
    }
    place.dataset.shown = tokens.join(",");
  };

  // Which run: nothing to choose where a campaign ran once.
  const offer = async (input, run) => {
    const select = input.nextElementSibling;
    const { of } = parsed(input.value.trim(), page.all);
    if (!of || of.runs < 2) { select.hidden = true; select.replaceChildren(); return; }
    const own = await dataOf(of).catch(() => null);
    if (!own || parsed(input.value.trim(), page.all).of !== of) return;
    select.replaceChildren(make("option", "the campaign", { value: "" }));
    for (const one of own.compared_runs) {
      const option = make("option", "run " + one.run + ", " + moment(one.begin_ms) + (one.number === null ? ", nothing succeeded" : ""), { value: one.run });
      option.disabled = one.number === null;
      select.append(option);
    }
    select.value = run === undefined ? "" : String(run);
    select.hidden = false;
  };

  const fill = (tokens) => page.place.querySelectorAll(".tb-choice input").forEach((input, n) => {
    if (document.activeElement === input) return;
    const { of, run } = tokens[n] ? parsed(tokens[n], page.all) : {};
    input.value = of ? of.campaign : tokens[n] || "";
    offer(input, run);
  });

  const start = async (place, parts) => {
    place.dataset.ready = "";
    const most = Number(place.dataset.most);
    const form = make("form", null, { class: "tb-choice", "aria-label": "Campaigns and runs to compare" });
    const names = make("datalist", null, { id: "tb-campaigns" });
    for (let n = 0; n < most; n++) {
      const pair = make("div");
      const input = make("input", null, { list: "tb-campaigns", placeholder: n < 2 ? "campaign" : "one more", "aria-label": "Campaign " + (n + 1), spellcheck: "false" });
      const select = make("select", null, { "aria-label": "Run of campaign " + (n + 1) });
      select.hidden = true;
      input.addEventListener("change", () => {
        const { of, run } = page ? parsed(input.value.trim(), page.all) : {};
        if (run !== undefined && of) input.value = of.campaign;
        if (page) offer(input, run);
      });
      pair.append(input, select);
      form.append(pair);
    }
    form.append(make("button", "Compare", { type: "submit", class: "md-button" }));
    place.append(form, names, make("div", null, { class: "tb-compared", "aria-live": "polite" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const asked = [...form.querySelectorAll("input")].map((input) => {
        const name = input.value.trim(), run = input.nextElementSibling.value;
        return name && encodeURIComponent(run ? name + "@" + run : name).replaceAll("%40", "@");
      }).filter(Boolean);
      if (document.activeElement) document.activeElement.blur();
      location.hash = "c=" + asked.join(",");
    });
    try {
      await parts.load(new URL("../data/compare.js", parts.here));
    } catch (error) {
      place.append(make("p", error.message, { class: "tb-instead" }));
      return;
    }
    const all = parts.arrived.get("data/compare").compare_facts;
    page = { place, parts, all, most, asked: JSON.parse(place.dataset.facts) };
    for (const one of all) names.append(make("option", null, { value: one.campaign }));
    await show();
  };

  addEventListener("hashchange", () => { if (page && page.place.isConnected) show(); });
  window.tunebookDiffering = differing; // for the test that sets it against runner.stats.compare
  window.__tunebookCompare = start;
})();
