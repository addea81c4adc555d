/* Which trial would win under other limits: report/whatif.py in the browser, function by function. It touches no page;
 * tests run both over the same cases.
 *
 * rescore(data, limits): `data` as report/whatif.py describes a case, `limits` in the order of `data.least`, null for
 * none. Gives {winner, value, met, missed, unknown}.
 */
window.__tunebookWhatif = window.__tunebookWhatif || {};
((whatif) => {
  "use strict";
  const COUNTS = 4, OBJECTIVE = 5, FIRST = 6;
  const KINDS = { c: "concurrency", r: "rate" };

  const isNeeded = (level, at) => {
    const cut = at.indexOf("=");
    if (cut < 0) return true;
    const letter = at.slice(0, cut);
    return level[2] === (KINDS[letter] || letter) && level[3] === Number(at.slice(cut + 1));
  };

  const ladders = (declared) => {
    const found = new Map();
    for (const one of [...declared].sort((a, b) => a[0] - b[0])) {
      if (!found.has(one[1])) found.set(one[1], []);
      found.get(one[1]).push(one);
    }
    return [...found.values()].map((ladder) => ladder.sort((a, b) => a[3] - b[3]));
  };

  const aggregate = (values, data) => {
    if (data.at === "mean") return values.reduce((sum, value) => sum + value / values.length, 0);
    return data.goal === "maximize" ? Math.min(...values) : Math.max(...values);
  };

  const step = (levels, data, ladder) => {
    const known = levels.filter((level) => level !== undefined);
    const worst = [], hole = [];
    data.least.forEach((least, place) => {
      const numbers = known.map((level) => level[FIRST + place]);
      const seen = numbers.filter((number) => number !== null);
      worst.push(seen.length ? (least ? Math.min(...seen) : Math.max(...seen)) : null);
      hole.push(seen.length < numbers.length);
    });
    const reached = levels.length > 0 && known.length === levels.length;
    const values = known.map((level) => level[OBJECTIVE]);
    let value = null;
    if (reached && !values.includes(null)) value = ladder ? values[values.length - 1] : aggregate(values, data);
    return { value, worst, hole, reached, good: known.every((level) => level[COUNTS]) };
  };

  const rungs = (ladder, at, data) => {
    const made = [];
    for (let n = 0; n < ladder.length; n++) {
      const one = step(ladder.slice(0, n + 1).map((level) => at.get(level[0])), data, true);
      if (n && !(one.reached && one.good && one.value !== null)) break;
      made.push(one);
      if (one.value === null || !one.good) break;
    }
    return made;
  };

  const groups = (data, levels) => {
    const at = new Map(levels.map((level) => [level[0], level]));
    const declared = data.declared.length ? data.declared : levels.map((level) => level.slice(0, COUNTS));
    if (data.at === "goodput") return ladders(declared).map((ladder) => rungs(ladder, at, data));
    return [[step(declared.filter((one) => isNeeded(one, data.at)).map((one) => at.get(one[0])), data, false)]];
  };

  const over = (one, asked) => asked.some(([place, limit, least]) => {
    const worst = one.worst[place];
    return worst !== null && (least ? worst < limit : worst > limit);
  });

  const judged = (offered, asked, maximize) => {
    const first = offered.map((one) => one[0]);
    if (first.some((one) => !one.good || over(one, asked))) return ["missed", null];
    if (!first.length || !first.every((one) => one.reached)) return ["unknown", null];
    const tops = [];
    for (const steps of offered) {
      let top = null;
      for (const one of steps) {
        if (one.value === null || over(one, asked) || asked.some(([place]) => one.hole[place])) break;
        top = one.value;
      }
      if (top === null) return ["missed", null];
      tops.push(top);
    }
    return ["met", maximize ? Math.min(...tops) : Math.max(...tops)];
  };

  // Every value that the limit at `place` is held against.
  whatif.decisive = (data, place) => data.trials
    .flatMap(([, levels]) => groups(data, levels).flat())
    .filter((one) => one.good && one.worst[place] !== null)
    .map((one) => one.worst[place]);

  whatif.rescore = (data, limits) => {
    const maximize = data.goal === "maximize";
    const asked = [];
    limits.forEach((limit, place) => { if (limit !== null) asked.push([place, limit, data.least[place]]); });
    const answer = { winner: null, value: null, met: 0, missed: 0, unknown: 0 };
    for (const [number, levels] of data.trials) {
      const [state, value] = judged(groups(data, levels), asked, maximize);
      answer[state] += 1;
      if (value !== null && (answer.value === null || (maximize ? value > answer.value : value < answer.value))) {
        answer.winner = number;
        answer.value = value;
      }
    }
    return answer;
  };
})(window.__tunebookWhatif);
