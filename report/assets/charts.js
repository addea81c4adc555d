/* Draws every <figure class="chart"> of a page, and brings the scripts that only some pages need: they get its loader, so
 * that there is one.
 *
 * A figure names a spec (data-spec), a data file (data-src) and words to put into the spec (data-words). Specs and data
 * come as scripts that call window.__tunebook(name, value): fetch() does not work from file://, a script tag does, and
 * one way for both is one way to test. The loader sets data-done or data-error on the figure; tests wait for these.
 */
(() => {
  "use strict";
  const here = new URL(".", document.currentScript.src); // only valid now, not in a callback
  const arrived = new Map();
  window.__tunebook = (name, value) => arrived.set(name, value);

  const scripts = new Map();
  const load = (url) => {
    const href = String(url);
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

  let printing = false;
  const isDark = () => !printing && document.body.dataset.mdColorScheme === "slate"; // paper is white

  // The specs carry the light colours; each has a variant that keeps its contrast on the dark page.
  const recolour = (value, words, dark) => {
    if (typeof value === "string") {
      if (value[0] === "@" && value.slice(1) in words) return words[value.slice(1)];
      return (dark && arrived.get("dark")[value]) || value;
    }
    if (Array.isArray(value)) return value.map((one) => recolour(one, words, dark));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, recolour(one, words, dark)]));
    }
    return value;
  };

  // A text is cut where it would leave the figure; the table and the tooltip have all of it.
  const config = (dark, width, entries) => {
    const columns = width < 600 ? 2 : 5;
    const beside = Math.max(1, Math.min(columns, entries.length));
    const text = dark ? "#d7dae6" : "#333333";
    const muted = dark ? "#a9afc2" : "#5c6270";
    const grid = dark ? "#3c4154" : "#e4e4e8";
    const font = getComputedStyle(document.body).fontFamily;
    return {
      background: "transparent", font, view: { stroke: null },
      axis: { labelColor: muted, titleColor: text, gridColor: grid, domainColor: muted, tickColor: muted,
              labelFontSize: 11, titleFontSize: 12, titleFontWeight: 600, titlePadding: 8, labelOverlap: true },
      axisY: { labelLimit: Math.max(90, Math.min(200, width / 3)) },
      axisX: { grid: false, titleLimit: Math.max(120, width - 40) },
      legend: { orient: "top", direction: "horizontal", labelColor: text, titleColor: muted, titleFontWeight: 400,
                labelFontSize: 12, titleFontSize: 12, symbolSize: 90, columns,
                labelLimit: Math.max(60, Math.min(240, width / beside - 40)), offset: 4 },
      header: { labelColor: text, titleColor: text },
      text: { color: text }, title: { color: text }, rule: { color: muted },
    };
  };

  const needed = (src) => Promise.all([load(new URL("vega.js", here)), load(new URL("specs.js", here)), load(new URL(src, document.baseURI))]);
  const whenIdle = window.requestIdleCallback || ((todo) => setTimeout(todo, 200));

  const draw = async (figure) => {
    const { spec: name, src } = figure.dataset;
    const host = figure.querySelector(".vega");
    try {
      await needed(src);
      if (!figure.isConnected) return;
      const key = src.split("/").pop().replace(/\.js$/, "");
      const dark = isDark();
      const words = JSON.parse(figure.dataset.words || "{}");
      const spec = recolour(arrived.get("specs")[name], words, dark);
      if (!spec) throw new Error("no spec called " + name);
      const all = arrived.get("data/" + key);
      // A copy: vega changes what it is given.
      const datasets = { rows: structuredClone(all[name]) };
      if (figure.view) figure.view.finalize();
      const theme = config(dark, host.clientWidth || innerWidth, words.entries || []);
      const result = await window.vegaEmbed(host, { ...spec, datasets, config: theme },
        { renderer: "svg", actions: false, logLevel: 1, tooltip: { theme: dark ? "dark" : "light" } });
      figure.view = result.view;
      // A layer without a mark is a picture without a name to who listens to the page.
      for (const empty of host.querySelectorAll("[role=graphics-symbol]:empty:not([aria-label])")) empty.setAttribute("aria-hidden", "true");
      host.style.minHeight = "";
      figure.dataset.scheme = dark ? "dark" : "light";
      figure.dataset.done = "";
      delete figure.dataset.error;
      if (dark !== isDark()) await draw(figure); // the palette changed meanwhile
    } catch (error) {
      figure.dataset.error = String(error && error.message || error);
      console.error("chart " + name + ":", error);
    }
  };

  // The panel of other limits brings scripts and data of its own; a link to a state of it brings them at once.
  const ask = async (panel) => {
    try {
      for (const name of ["whatif.js", "whatif_panel.js"]) await load(new URL(name, here));
      await load(new URL(panel.dataset.src, document.baseURI)); // last: it calls what the others define
      if (panel.isConnected && !("done" in panel.dataset)) window.__tunebookWhatif.show(panel);
    } catch (error) {
      panel.dataset.error = String(error && error.message || error);
      console.error("what-if:", error);
    }
  };

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) { near.unobserve(entry.target); (entry.target.matches("figure") ? draw : ask)(entry.target); }
    }
  }, { rootMargin: "400px" });

  const scan = () => {
    near.disconnect();
    const figures = document.querySelectorAll("figure.chart:not([data-done])");
    for (const figure of figures) near.observe(figure);
    for (const panel of document.querySelectorAll(".tb-whatif:not([data-done])")) {
      if (location.hash.startsWith("#whatif:")) ask(panel); else near.observe(panel);
    }
    // What a print needs, when there is time: from then on no figure waits for a file.
    if (figures.length) whenIdle(() => new Set([...figures].map((one) => one.dataset.src)).forEach((src) => needed(src).catch(() => {})));
    openAnchor();
    load(new URL("reach.js", here)).then(() => window.__tunebookReach()).catch((error) => console.error("reach.js:", error));
    for (const [selector, names, begin] of PARTS) {
      const place = document.querySelector(selector + ":not([data-ready])");
      if (place) bring(place, names, begin);
    }
  };

  // What few pages have: where it goes, its scripts, and the function that the last of them defines.
  const PARTS = [
    [".tb-sql", ["sql-answer.js", "sql.js"], "__tunebookSql"],
    ["#tb-compare", ["compare.js"], "__tunebookCompare"],
    [".tb-filter", ["campaign-list.js"], "__tunebookList"],
  ];
  const bring = async (place, names, begin) => {
    try {
      for (const name of names) await load(new URL(name, here));
      await window[begin](place, { here, load, arrived, isDark, config, decoded });
    } catch (error) {
      place.dataset.error = String(error && error.message || error);
      console.error(begin + ":", error);
    }
  };

  // A permalink to a trial may point into a folded table, or to a row that the table has no room for. One to a question
  // (#q=...) is no name of a place.
  const decoded = (text) => { try { return decodeURIComponent(text); } catch { return text; } }; // a lone % stays one
  const openAnchor = () => {
    const name = location.hash.startsWith("#q=") ? "" : decoded(location.hash.slice(1));
    const target = name && document.getElementById(name);
    const folded = target && target.closest("details");
    if (folded) { folded.open = true; target.scrollIntoView(); }
    const number = !target && /^trial-(\d+)$/.exec(name);
    const others = document.getElementById("other-trials");
    if (number && others) tellOf(Number(number[1]), others);
  };

  // What is known of a trial without a row: what the chart of the search draws of it, else where to find it.
  const tellOf = async (number, others) => {
    const figure = document.querySelector("figure.chart[data-spec=history]");
    let row;
    if (figure) {
      const src = figure.dataset.src;
      await load(new URL(src, document.baseURI)).catch(() => {});
      row = ((arrived.get("data/" + src.split("/").pop().replace(/\.js$/, "")) || {}).history || []).find((one) => one.number === number);
    }
    const end = row && (row.status === "failed" ? `${row.cause} at ${row.phase}` : row.status === "succeeded" ? row.score_text : row.status);
    const line = others.querySelector("b") || others.insertBefore(document.createElement("b"), others.firstChild);
    line.textContent = row ? `Trial ${number}: ${row.entry}, ${row.params}: ${end}. `
      : number > Number(others.dataset.last) ? `There is no trial ${number} here. ` : `Trial ${number} has no row here: trials.csv has every trial. `;
    others.scrollIntoView({ block: "center" });
  };

  const drawOutdated = () => {
    const wanted = isDark() ? "dark" : "light";
    document.querySelectorAll(`figure.chart:not([data-done]), figure.chart:not([data-scheme=${wanted}])`).forEach(draw);
  };

  const start = () => {
    // The theme's search needs a server; its button on a phone would open an empty box.
    if (location.protocol === "file:") document.querySelectorAll("label[for=__search]").forEach((one) => { one.hidden = true; });
    scan();
    new MutationObserver(() => document.querySelectorAll("figure.chart[data-done]").forEach(draw))
      .observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
    addEventListener("hashchange", openAnchor);
    // Drawing takes no task of its own once the scripts are here, so it is done before the browser lays out the paper.
    addEventListener("beforeprint", () => { printing = true; drawOutdated(); });
    addEventListener("afterprint", () => { printing = false; drawOutdated(); });
    // With instant navigation the page changes under us; from file:// its signal never comes.
    if (window.document$ && location.protocol !== "file:") window.document$.subscribe(scan);
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start); else start();
})();
