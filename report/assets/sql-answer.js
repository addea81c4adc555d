/* An answer of DuckDB as text, as a table, as CSV and as a chart; for sql.js, which asks.
 *
 * An answer is { columns, rows }: each column has a name, a kind (text, number, time, other) and at(row), which gives the
 * text of a value, or null. Everything is put in as text, never as markup.
 */
(() => {
  "use strict";
  const SHOWN = 1000; // rows of a table on the page; the CSV has all
  const CELL = 2000; // characters of a cell on the page
  const BARS = 50;
  const POINTS = 5000;
  const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

  const make = (tag, words = {}, ...inner) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(words)) name in made ? (made[name] = value) : made.setAttribute(name, value);
    made.append(...inner);
    return made;
  };
  const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
  const seen = (text) => text.replace(UNSEEN, "\ufffd"); // what can not be seen is shown as such

  // One value of Arrow as text; null stays null. Numbers as the shortest text that gives them back.
  const decimal = (words, scale) => {
    let number = 0n;
    for (let at = words.length - 1; at >= 0; at -= 1) number = (number << 32n) | BigInt(words[at]);
    const bits = BigInt(32 * words.length);
    if (number >> (bits - 1n)) number -= 1n << bits;
    const digits = String(number < 0n ? -number : number).padStart(scale + 1, "0");
    return (number < 0n ? "-" : "") + (scale ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits);
  };
  const moment = (milliseconds) => {
    const whole = Math.floor(milliseconds), rest = Math.round((milliseconds - whole) * 1000);
    return new Date(whole).toISOString().replace("T", " ").replace("Z", rest ? String(rest).padStart(3, "0") : "").replace(/\.000$/, "");
  };
  const plain = (value) => JSON.stringify(value, (_, one) => (typeof one === "bigint" ? String(one) : one));
  const text = (value, type) => {
    if (value === null || value === undefined) return null;
    if (type.startsWith("Decimal")) return decimal(value, Number(/e([+-]?\d+)/.exec(type)?.[1] ?? 0));
    if (type.startsWith("Timestamp")) return moment(Number(value));
    if (type.startsWith("Time6")) return moment(Number(value) / 1000).slice(11); // microseconds of the day
    if (type.startsWith("Date")) return moment(Number(value)).slice(0, 10);
    if (value instanceof Uint8Array) return [...value].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return typeof value === "object" ? plain(value) : String(value);
  };
  const kindOf = (type) => (/^(Int|Uint|Float|Decimal)/.test(type) ? "number" : /^(Date|Timestamp)/.test(type) ? "time" : /^(Utf8|LargeUtf8|Dictionary)/.test(type) ? "text" : "other");

  const ask = async (connection, question) => {
    // Prepared, for of several statements DuckDB would show one and keep quiet about the others.
    const prepared = await connection.prepare(question);
    const table = await prepared.query().finally(() => prepared.close());
    const columns = table.schema.fields.map((field, at) => {
      const type = String(field.type);
      // Arrow's reader gives zeros for it: better no answer than a wrong one.
      if (type.startsWith("Interval")) throw new Error(`The column ${field.name} is an INTERVAL, which the page can not read: ask for ${field.name}::VARCHAR.`);
      const values = table.getChildAt(at);
      return { name: field.name, kind: kindOf(type), at: (row) => text(values.get(row), type) };
    });
    return { columns, rows: table.numRows };
  };

  const csvOf = ({ columns, rows }) => {
    const cell = (value) => (value === null ? "" : /[",\r\n]/.test(value) || value === "" ? `"${value.replace(/"/g, '""')}"` : value);
    const lines = [columns.map((column) => cell(column.name)).join(",")];
    for (let row = 0; row < rows; row += 1) lines.push(columns.map((column) => cell(column.at(row))).join(","));
    return lines.join("\r\n") + "\r\n";
  };

  const tableOf = ({ columns, rows }) => {
    const look = (column) => (column.kind === "number" ? "tb-num" : "");
    const head = make("tr", {}, ...columns.map((column) => make("th", { className: look(column), textContent: seen(column.name) })));
    const body = make("tbody");
    for (let row = 0; row < Math.min(rows, SHOWN); row += 1) {
      body.append(make("tr", {}, ...columns.map((column) => {
        const value = column.at(row);
        const shown = value === null ? "–" : value.length > CELL ? `${value.slice(0, CELL)}… (${value.length - CELL} more characters)` : value;
        return make("td", { className: look(column) }, make("span", { className: look(column) ? "" : "tb-cell", textContent: seen(shown) }));
      })));
    }
    const table = make("table", { className: "tb-table" }, make("thead", {}, head), body);
    return make("div", { className: "tb-scroll", tabIndex: 0, role: "region", "aria-label": "Answer" }, table);
  };

  // Which columns a chart could show: `places` along one axis, `numbers` along the other; null when there is no pair.
  const pairOf = ({ columns, rows }) => {
    const numbers = columns.filter((one) => one.kind === "number");
    const places = columns.filter((one) => one.kind !== "other");
    const x = places.find((one) => one.kind === "text") || places.find((one) => one.kind === "time") || numbers[0];
    const y = numbers.find((one) => one !== x);
    return rows && x && y ? { places, numbers, x, y } : null;
  };

  // Bars of one text and one number, or a line of two numbers. One mark is one row: nothing is added up, and where a
  // place has several rows they stand as points.
  const chartOf = ({ rows }, x, y, dark) => {
    const values = [], places = new Set();
    const placeOf = { number: Number, text: (at) => seen(at).slice(0, 300), time: (at) => Date.parse(at.length > 10 ? `${at.replace(" ", "T")}Z` : at) }[x.kind];
    let without = 0, again = false;
    for (let row = 0; row < rows; row += 1) {
      const at = x.at(row), number = y.at(row);
      if (at === null || number === null || !Number.isFinite(Number(number))) { without += 1; continue; }
      again ||= places.has(at);
      places.add(at);
      values.push({ x: placeOf(at), y: Number(number), at: seen(at).slice(0, 300) });
    }
    const words = x.kind === "text";
    const first = new Set([...new Set(values.map((one) => one.x))].slice(0, BARS));
    const used = words ? values.filter((one) => first.has(one.x)).slice(0, POINTS) : values.slice(0, POINTS);
    const color = dark ? "#5BB5F0" : "#0072B2";
    const bars = words && !again, line = !words && !again;
    const place = { field: "x", title: seen(x.name), type: { text: "nominal", number: "quantitative", time: "temporal" }[x.kind] };
    const height = { field: "y", title: seen(y.name), type: "quantitative" };
    const mark = bars ? { type: "bar", color } : line ? { type: "line", point: { filled: true, color }, color } : { type: "point", filled: true, color, size: 50 };
    // A space behind: the tooltip would take a column called image for the address of a picture, and load it.
    const tooltip = [{ field: "at", type: "nominal", title: `${seen(x.name)} ` }, { field: "y", type: "quantitative", title: `${seen(y.name)} ` }];
    const encoding = words
      ? { y: { ...place, title: null, sort: null }, x: { ...height, scale: { zero: bars } }, tooltip }
      : { x: { ...place, scale: x.kind === "time" ? { type: "utc" } : { zero: false } }, y: { ...height, scale: { zero: false } }, tooltip };
    const spec = { width: "container", height: words ? 22 * Math.max(1, first.size) : 260, autosize: { type: "fit-x", contains: "padding" }, data: { values: used }, mark, encoding };
    const cut = values.length > used.length ? ` The first ${used.length} of ${count(values.length, "row")}.` : "";
    const lost = without ? ` Left out: ${count(without, "row")} without a value.` : "";
    const caption = `A ${bars ? "bar" : "point"} is a row of the answer: ${seen(y.name)} by ${seen(x.name)}, ${count(used.length, "row")}.${cut}${lost}`;
    return { spec, drawn: used.length, caption };
  };

  window.__tunebookAnswers = { SHOWN, ask, chartOf, count, csvOf, make, pairOf, seen, tableOf };
})();
