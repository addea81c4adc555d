/* The filter on the list of campaigns: over all of them, whatever page of the list is open. charts.js brings it where a
 * page has a .tb-filter; the list as data (report/campaign_list.py) comes with the first use. What is asked for stands in
 * the address: #f= and the words. Every word must occur in the name, model, hardware, runtimes or state of a campaign.
 */
(() => {
  "use strict";
  const SHOWN = 100; // rows of a table on the page
  const [NAME, SLUG, MODEL, HARDWARE, RUNTIMES, GOAL, ENTRY, PARAMS, SCORE, STATE, FAILED, WHEN, END] = Array(13).keys();
  const WORDS = [MODEL, HARDWARE, RUNTIMES, GOAL, ENTRY, STATE, END];
  const SEARCHED = [NAME, MODEL, HARDWARE, RUNTIMES, STATE, END];

  const make = (tag, words = {}, ...inner) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(words)) name in made ? (made[name] = value) : made.setAttribute(name, value);
    made.append(...inner);
    return made;
  };

  const read = ({ words, rows }) => rows.map((row) => {
    const cells = row.slice();
    for (const at of WORDS) cells[at] = words[row[at]];
    return { cells, text: SEARCHED.map((at) => cells[at]).join("\n").toLowerCase() };
  });

  // As the page's own rows are (report/pages/campaigns.md.j2).
  const lineOf = (cells, here) => {
    const muted = (text) => make("span", { className: "tb-muted", textContent: text });
    const cell = (className, ...inner) => make("td", { className }, ...inner);
    const link = make("a", { textContent: cells[NAME], href: new URL("../campaigns/" + (cells[SLUG] || cells[NAME]) + "/index.html", here).href });
    const best = cells[ENTRY] === "" ? [cells[PARAMS]]
      : [make("span", { className: "tb-name", textContent: cells[ENTRY] }), " ", make("span", { className: "tb-params", textContent: cells[PARAMS] })];
    return make("tr", {}, cell("", link), cell("", cells[MODEL]), cell("", cells[HARDWARE], make("br"), muted(cells[RUNTIMES])), cell("", cells[GOAL]),
      cell("", ...best), cell("tb-num", cells[SCORE], make("br"), muted(cells[STATE])), cell("tb-num", cells[FAILED]), cell("tb-nowrap", cells[WHEN]));
  };

  const start = (place, { here, load, arrived, decoded }) => {
    place.dataset.ready = "";
    const own = [...document.querySelectorAll(".tb-filter ~ .tb-scroll, .tb-filter ~ .tb-pages")];
    const head = own[0].querySelector("thead");
    const box = make("input", { type: "search", spellcheck: false, autocomplete: "off", placeholder: "name, model, hardware, runtime, state", "aria-label": "Filter campaigns" });
    const status = make("span", { role: "status", textContent: place.dataset.all + " campaigns" });
    const form = make("form", { role: "search" }, box, status);
    const body = make("tbody");
    const found = make("div", { className: "tb-scroll", tabIndex: 0, role: "region", "aria-label": "Campaigns that were found" },
      make("table", { className: "tb-table" }, head.cloneNode(true), body));
    place.replaceChildren(form);

    let all = null; // a promise of every campaign
    const needed = () => all ??= load(new URL("../data/campaign-list.js", here)).then(() => read(arrived.get("data/campaign-list")));
    const show = async () => {
      const asked = box.value, words = asked.toLowerCase().split(/\s+/).filter(Boolean);
      let rows = [];
      if (words.length) {
        try {
          rows = await needed();
        } catch (error) {
          all = null;
          status.textContent = error.message;
          return;
        }
        if (box.value !== asked) return; // typed on meanwhile
      }
      const hits = rows.filter((one) => words.every((word) => one.text.includes(word)));
      body.replaceChildren(...hits.slice(0, SHOWN).map((one) => lineOf(one.cells, here)));
      if (hits.length) place.append(found); else found.remove();
      for (const one of own) one.hidden = words.length > 0;
      status.textContent = !words.length ? place.dataset.all + " campaigns"
        : `${hits.length} of ${rows.length} campaigns${hits.length > SHOWN ? `, the first ${SHOWN} are shown` : ""}`;
      place.dataset.shown = asked;
    };
    const wanted = () => decoded((/^#f=(.*)$/.exec(location.hash) || ["", ""])[1]);
    const follow = () => {
      if (!place.isConnected || box.value.trim() === wanted()) return;
      box.value = wanted();
      show();
    };
    box.addEventListener("focus", () => needed().catch(() => { all = null; }));
    box.addEventListener("input", () => {
      const text = box.value.trim();
      const hash = text ? "#f=" + encodeURIComponent(text) : "";
      history.replaceState(history.state, "", location.pathname + location.search + hash);
      show();
    });
    // From the box to what was found, and back to all of the list.
    box.addEventListener("keydown", (event) => {
      const first = event.key === "ArrowDown" && found.isConnected && body.querySelector("a");
      if (first) { event.preventDefault(); first.focus(); }
      if (event.key === "Escape" && box.value) { event.preventDefault(); box.value = ""; box.dispatchEvent(new Event("input")); }
    });
    form.addEventListener("submit", (event) => { event.preventDefault(); body.querySelector("a")?.focus(); });
    addEventListener("hashchange", follow);
    follow();
  };

  window.__tunebookList = start;
})();
