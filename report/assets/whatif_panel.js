/* The panel of a campaign's page on which a reader moves its limits. charts.js loads it, after whatif.js and the data
 * file of the page. Every word of it goes in as text, never as markup.
 */
((whatif) => {
  "use strict";
  const STEPS = 100; // of a slider, besides the place that says `no limit`
  const HASH = "#whatif:";
  const WAIT = 300; // ms: a browser refuses an address that changes with each step of a slider

  const element = (name, text, ...children) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  };

  // As runner.domain.metrics.format_value does.
  const significant = (value, digits) => {
    if (value === 0) return "0";
    const rounded = Number(value.toPrecision(digits));
    const whole = Math.floor(Math.log10(Math.abs(rounded)));
    return rounded.toFixed(Math.max(0, digits - 1 - whole)).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  };
  const text = (value, { unit, digits }) => {
    if (unit === "s") return Math.abs(value) < 1 ? significant(value * 1000, digits) + " ms" : significant(value, digits) + " s";
    if (unit === "ratio") return significant(value * 100, digits) + " %";
    return significant(value, digits) + " " + unit;
  };
  const count = (number, noun) => number + " " + noun + (number === 1 ? "" : "s");

  // The unit that is typed: milliseconds for what is told in them.
  const typed = (limit) => limit.unit === "s" && limit.high < 10 ? [1000, "ms"] : limit.unit === "ratio" ? [100, "%"] : [1, limit.unit];

  // Places 0 to STEPS on a logarithmic scale; `none` is the place beyond the laxest limit.
  const scale = (limit) => {
    const places = [limit.low, limit.high].concat(limit.own === null ? [] : [limit.own]);
    const low = Math.min(...places), high = Math.max(...places);
    const logarithmic = low > 0 && high > low;
    const none = limit.least ? -1 : STEPS + 1;
    return {
      none, min: Math.min(0, none), max: Math.max(STEPS, none),
      value: (place) => {
        if (place === none) return null;
        const share = place / STEPS;
        const value = logarithmic ? low * (high / low) ** share : low + (high - low) * share;
        if (place === 0 || place === STEPS) return place ? high : low; // the ends are reached, not rounded past
        return Number(value.toPrecision(3));
      },
      place: (value) => {
        if (value === null) return none;
        const share = high === low ? 1 : logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
        return Math.round(STEPS * Math.max(0, Math.min(1, share || 0)));
      },
    };
  };

  const row = (limit, changed) => {
    const on = scale(limit), [factor, unit] = typed(limit);
    const id = "whatif-" + limit.metric + (limit.least ? "-least" : "");
    const label = element("label", limit.title + (limit.least ? " at least" : " at most"));
    label.htmlFor = id;
    const slider = Object.assign(element("input"), { type: "range", min: on.min, max: on.max, step: 1, id });
    const field = Object.assign(element("input"), { type: "number", min: 0, step: "any", placeholder: "no limit" });
    field.setAttribute("aria-label", label.textContent + ", in " + unit);
    const own = limit.own === null ? "" : "the campaign: " + text(limit.own, limit) + (limit.start === null ? ", soft" : "");
    const made = element("div", "", label, slider, field, element("span", unit), element("small", own));
    made.className = "tb-limit";
    const one = { made, value: limit.start };
    one.show = (value, except) => {
      one.value = value;
      if (except !== slider) slider.value = on.place(value);
      if (except !== field) field.value = value === null ? "" : Number((value * factor).toPrecision(6));
      slider.setAttribute("aria-valuetext", value === null ? "no limit" : text(value, limit));
    };
    slider.addEventListener("input", () => { one.show(on.value(Number(slider.value)), slider); changed(); });
    field.addEventListener("input", () => {
      const value = field.value === "" ? null : Number(field.value) / factor;
      if (value === null || (Number.isFinite(value) && value >= 0)) { one.show(value, field); changed(); }
    });
    return one;
  };

  // A page from file:// or without a certificate may have no clipboard of its own to write to: then what is marked is copied.
  const copying = (line) => {
    const button = Object.assign(element("button", "Copy"), { type: "button", className: "md-button" });
    button.addEventListener("click", async () => {
      let copied = true;
      try {
        await navigator.clipboard.writeText(line.textContent);
      } catch {
        getSelection().selectAllChildren(line);
        copied = document.execCommand("copy");
      }
      button.textContent = copied ? "Copied" : "Not allowed here: the line is marked, copy it";
    });
    return button;
  };

  const outcome = (data, answer) => {
    const rest = data.of - data.trials.length;
    const verb = (number, one, more) => `${number} ${number === 1 ? one : more}`;
    const told = [`${answer.met} of ${count(data.of, "trial")} ${answer.met === 1 ? "meets" : "meet"} the limits`];
    if (answer.missed) told.push(verb(answer.missed, "misses one", "miss one"));
    if (rest) told.push(verb(rest, "failed or was", "failed or were") + " not measured, whatever the limits");
    if (answer.unknown) told.push(verb(answer.unknown, "was", "were") + " not measured far enough to say: a limit had ended its search before");
    const numbers = element("p", told.join("; ") + ".");
    if (answer.winner === null) return [element("p", "No trial meets these limits."), numbers];
    const [entry, params, launch] = data.names[answer.winner];
    const link = element("a", "Trial " + answer.winner);
    link.href = "trials/" + answer.winner + ".txt";
    const head = element("p", "", link, " would win: ", element("b", entry), " with ", element("code", params), ": ",
      element("b", text(answer.value, data.objective)), ".");
    const line = element("code", launch);
    line.tabIndex = 0; // it may be longer than a phone is wide
    line.setAttribute("role", "group");
    line.setAttribute("aria-label", "Code: launch of trial " + answer.winner);
    return [head, numbers, element("pre", "", line), copying(line)];
  };

  const wanted = (limits) => {
    const found = new Map();
    if (location.hash.startsWith(HASH)) {
      for (const part of location.hash.slice(HASH.length).split(",")) {
        const [name, value] = part.split("=");
        const number = value === "none" ? null : Number(value);
        if (number === null || (Number.isFinite(number) && number >= 0 && value)) found.set(name, number);
      }
    }
    return limits.map((limit) => found.has(limit.key) ? found.get(limit.key) : limit.start);
  };

  const draw = (panel, data) => {
    // A metric that nobody measured has no slider, and no limit.
    const limits = data.limits.map((limit, place) => {
      const seen = whatif.decisive(data, place);
      const ends = seen.length ? { low: Math.min(...seen), high: Math.max(...seen) } : { low: null, high: null };
      return { ...limit, ...ends, key: limit.metric + (limit.least ? ".least" : "") };
    });
    const result = element("div");
    result.className = "tb-answer";
    result.setAttribute("aria-live", "polite");
    let timer = 0;
    const changed = () => {
      const now = rows.map((one) => one ? one.value : null);
      result.replaceChildren(...outcome(data, whatif.rescore(data, now)));
      result.classList.toggle("tb-answer--none", result.querySelector("a") === null);
      clearTimeout(timer);
      timer = setTimeout(() => {
        const parts = limits.filter((limit, n) => rows[n] && now[n] !== limit.start)
          .map((limit) => limit.key + "=" + (now[limits.indexOf(limit)] === null ? "none" : Number(now[limits.indexOf(limit)].toPrecision(6))));
        const hash = parts.length ? HASH + parts.join(",") : location.hash.startsWith(HASH) ? "#whatif" : location.hash;
        if (hash !== location.hash) history.replaceState(history.state, "", location.pathname + location.search + hash);
      }, WAIT);
    };
    const rows = limits.map((limit) => limit.low === null ? null : row(limit, changed));
    const set = (values) => { rows.forEach((one, n) => { if (one) one.show(values[n]); }); changed(); };
    const reset = Object.assign(element("button", "Limits of the campaign"), { type: "button" });
    reset.className = "md-button";
    reset.addEventListener("click", () => set(limits.map((limit) => limit.start)));
    const fields = element("fieldset", "", element("legend", "Limits"), ...rows.filter(Boolean).map((one) => one.made), reset);
    panel.replaceChildren(fields, result);
    set(wanted(limits));
    const arrive = () => {
      if (!panel.isConnected || !location.hash.startsWith(HASH)) return;
      set(wanted(limits));
      panel.scrollIntoView();
    };
    arrive();
    addEventListener("hashchange", arrive);
    panel.dataset.done = "";
  };

  // By name: a theme that changes pages in place keeps what came before.
  const arrived = new Map();
  whatif.take = (name, data) => arrived.set(name, data);
  whatif.show = (panel) => draw(panel, arrived.get(panel.dataset.campaign));
})(window.__tunebookWhatif);
