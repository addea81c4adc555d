/* SQL in the page: DuckDB in the reader's browser, loaded by a click, over the tables of results.duckdb.
 *
 * charts.js loads this file and sql-answer.js where a page has a <div class="tb-sql"> and calls window.__tunebookSql(div, parts). Everything
 * that DuckDB says is put in as text, never as markup. A question can be a link: #q= and the question, percent-encoded.
 * The div gets data-ready when it can be used and data-state (idle, starting, busy, done, failed); tests wait for these.
 */
(() => {
  "use strict";
  const { SHOWN, ask, chartOf, count, csvOf, make, pairOf, seen, tableOf } = window.__tunebookAnswers;
  let engine = null; // a promise of { worker, connection }; outlives a page that is changed in place

  // Packed files are unpacked here, so that they are small on every server; some servers unpack them by themselves.
  const unpacked = async (url, type, said) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url.pathname} is not there (${answer.status}): was the site copied as a whole?`);
    const parts = [], reader = answer.body.getReader();
    for (let part; !(part = await reader.read()).done;) { parts.push(part.value); said(part.value.length); }
    const packed = new Blob(parts, { type });
    const head = new Uint8Array(await packed.slice(0, 2).arrayBuffer());
    if (head[0] !== 0x1f || head[1] !== 0x8b) return packed;
    return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip")), { headers: { "Content-Type": type } }).blob();
  };

  const start = async (home, database, load, say) => {
    let got = 0, told = 0;
    const said = (bytes) => { got += bytes; if (got - told > 5e5) { told = got; say(`Loading: ${(got / 1e6).toFixed(1)} MB`); } };
    const [library, script, wasm, data] = await Promise.all([
      unpacked(new URL("duckdb.js.gz", home), "text/javascript", said),
      unpacked(new URL("duckdb-worker.js.gz", home), "text/javascript", said),
      unpacked(new URL("duckdb-eh.wasm.gz", home), "application/wasm", said),
      unpacked(database, "application/octet-stream", said),
    ]);
    say("Starting DuckDB");
    if (!window.duckdb) await load(URL.createObjectURL(library));
    const worker = new Worker(URL.createObjectURL(script));
    try {
      const db = new window.duckdb.AsyncDuckDB(new window.duckdb.VoidLogger(), worker);
      const address = URL.createObjectURL(wasm);
      await db.instantiate(address);
      URL.revokeObjectURL(address);
      await db.registerFileBuffer("results.duckdb", new Uint8Array(await data.arrayBuffer()));
      const connection = await db.connect();
      // A question may come from a link of somebody else: from here on nothing is fetched and no file is opened.
      for (const one of ["ATTACH 'results.duckdb' AS results (READ_ONLY)", "USE results", "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false", "SET enable_external_access = false", "SET lock_configuration = true"]) await connection.query(one);
      return { worker, connection };
    } catch (error) {
      worker.terminate();
      throw error;
    }
  };

  window.__tunebookSql = (host, { here, load, isDark, config }) => {
    if ("ready" in host.dataset) return;
    host.dataset.ready = "";
    const state = (name) => { host.dataset.state = name; };
    const hint = (...words) => { host.replaceChildren(make("p", { className: "tb-instead" }, ...words)); state("failed"); };
    if (location.protocol === "file:") {
      return hint("A page that was opened as a file may not start DuckDB. Start ", make("code", { textContent: "tunebook serve" }), " and open the address that it prints. Or ask on your own machine, as below.");
    }
    if (!window.WebAssembly || !window.DecompressionStream || !window.Worker) return hint("This browser is too old to run DuckDB in the page. Ask on your own machine, as below.");

    const questions = [...document.querySelectorAll("details.tb-question")].map((one) => ({ title: one.querySelector("summary").textContent, query: one.querySelector("code").textContent }));
    const choice = make("select", { className: "tb-choice", "aria-label": "A question" }, make("option", { value: "", textContent: "Choose a question…" }), ...questions.map((one, at) => make("option", { value: String(at), textContent: one.title })));
    const box = make("textarea", { className: "tb-query", rows: 8, spellcheck: false, autocomplete: "off", "aria-label": "Query in SQL; Ctrl and Enter run it" });
    const run = make("button", { type: "button", className: "tb-button tb-button--main" });
    const stop = make("button", { type: "button", className: "tb-button", textContent: "Stop", hidden: true });
    const csv = make("button", { type: "button", className: "tb-button", textContent: "CSV", hidden: true, title: "Download all rows" });
    const status = make("span", { className: "tb-status", role: "status" });
    const keys = make("kbd", { textContent: "Ctrl+Enter" });
    const output = make("div", { className: "tb-output" });
    const label = () => { run.textContent = engine ? "Run" : `Start SQL (${host.dataset.size})`; };
    host.replaceChildren(choice, box, make("div", { className: "tb-bar" }, run, stop, csv, keys, status), output);
    const say = (words) => { status.textContent = words; };
    let latest = 0, answer = null, redraw = () => {};

    const fail = (message) => {
      output.replaceChildren(make("pre", { className: "tb-error", role: "alert", textContent: seen(message) }));
      say("");
      state("failed");
    };

    const offerChart = (given) => {
      const pair = pairOf(given);
      if (!pair) return;
      const { places, numbers, x, y } = pair;
      const options = (list, chosen) => list.map((one) => make("option", { value: String(given.columns.indexOf(one)), textContent: seen(one.name), selected: one === chosen }));
      const over = make("select", { "aria-label": "Chart: by" }, ...options(places, x));
      const of = make("select", { "aria-label": "Chart: number" }, ...options(numbers, y));
      const button = make("button", { type: "button", className: "tb-button", textContent: "Chart" });
      const vega = make("div", { className: "vega" }), words = make("figcaption");
      const figure = make("figure", { className: "tb-sql-chart", hidden: true }, vega, words);
      output.prepend(make("div", { className: "tb-bar" }, button, of, make("span", { textContent: "by" }), over), figure);
      const draw = async () => {
        delete figure.dataset.done;
        figure.hidden = false;
        await load(new URL("vega.js", here));
        const dark = isDark();
        const { spec, drawn, caption } = chartOf(given, given.columns[over.value], given.columns[of.value], dark);
        words.textContent = caption;
        figure.setAttribute("aria-label", caption);
        if (figure.view) figure.view.finalize();
        if (!drawn) { vega.replaceChildren(); figure.dataset.done = "0"; return; }
        const made = await window.vegaEmbed(vega, { ...spec, config: config(dark, vega.clientWidth || innerWidth, []) }, { mode: "vega-lite", renderer: "svg", actions: false, logLevel: 1, tooltip: { theme: dark ? "dark" : "light" } });
        figure.view = made.view;
        figure.dataset.scheme = dark ? "dark" : "light";
        figure.dataset.done = String(drawn);
      };
      button.onclick = draw;
      over.onchange = of.onchange = () => { if (!figure.hidden) draw(); };
      redraw = () => { if (!figure.hidden && figure.isConnected) draw(); };
    };

    const show = (given, milliseconds) => {
      answer = given;
      redraw = () => {};
      output.replaceChildren(tableOf(given));
      if (given.rows > SHOWN) output.append(make("p", { className: "tb-muted", textContent: `The first ${count(SHOWN, "row")}; ${count(given.rows - SHOWN, "more row")} in the CSV.` }));
      offerChart(given);
      csv.hidden = !given.columns.length;
      say(`${count(given.rows, "row")} in ${milliseconds} ms`);
      state("done");
    };

    const execute = async () => {
      const question = box.value.trim();
      if (!question) return fail("There is no question: choose one above, or write one.");
      const mine = latest += 1;
      answer = null;
      csv.hidden = true;
      run.disabled = true;
      history.replaceState(history.state, "", `#q=${encodeURIComponent(question)}`);
      try {
        if (!engine) {
          state("starting");
          say("Loading");
          engine = start(new URL(host.dataset.engine, document.baseURI), new URL(host.dataset.database, document.baseURI), load, say);
          engine.catch(() => { engine = null; });
        }
        const { connection } = await engine;
        state("busy");
        say("Asking");
        stop.hidden = false;
        const began = performance.now();
        const given = await ask(connection, question);
        if (mine === latest) show(given, Math.round(performance.now() - began));
      } catch (error) {
        if (mine === latest) fail(String((error && error.message) || error));
      } finally {
        if (mine === latest) { stop.hidden = true; run.disabled = false; label(); }
      }
    };

    stop.onclick = async () => {
      latest += 1;
      const { worker } = await engine;
      worker.terminate(); // DuckDB has one thread here: it hears nothing while it is at work
      engine = null;
      stop.hidden = true;
      run.disabled = false;
      label();
      fail("Stopped. The next question starts DuckDB again.");
    };
    csv.onclick = () => {
      const address = URL.createObjectURL(new Blob([csvOf(answer)], { type: "text/csv;charset=utf-8" }));
      make("a", { href: address, download: "answer.csv" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60000);
    };
    run.onclick = execute;
    choice.onchange = () => { if (choice.value) { box.value = questions[choice.value].query; if (engine) execute(); } };
    box.onkeydown = (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); if (!run.disabled) execute(); } };

    const fromAddress = () => {
      if (!location.hash.startsWith("#q=")) return false;
      try {
        box.value = decodeURIComponent(location.hash.slice(3));
      } catch {
        fail("The address holds a question that can not be read: a % in it stands alone.");
      }
      return true;
    };
    const followed = () => { if (!host.isConnected) removeEventListener("hashchange", followed); else if (fromAddress() && engine) execute(); };
    if (!fromAddress() && questions.length) box.value = questions[0].query;
    addEventListener("hashchange", followed);
    for (const event of ["beforeprint", "afterprint"]) addEventListener(event, () => redraw());
    new MutationObserver(() => redraw()).observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
    label();
    if (host.dataset.state !== "failed") state("idle");
  };
})();
