/* A week in the cloud against hardware of one's own, as the kernel computes it (cloud_bill.py,
   amortization/solve.py), from the same uniform numbers. No DOM: node imports it as it is. */
export const NUMBERS = ["price_usd", "resale_share", "life_years", "idle_w", "load_w", "seconds",
  "usd_per_kwh", "question_usd", "questions"];
const HOURS_A_WEEK = 168, WEEKS_A_YEAR = 365.25 / 7, NEWTON_STEPS = 25, CLOUD_S = 6;

/* numpy's generator PCG64 from its state: (numbers, draws) uniform ones. */
export function uniforms({ state, inc, draws }) {
  const mask = (1n << 128n) - 1n, low = (1n << 64n) - 1n, step = BigInt(inc);
  const multiplier = (2549297995355413924n << 64n) + 4865540595714422341n;
  let now = BigInt(state);
  return NUMBERS.map(() => Float64Array.from({ length: draws }, () => {
    now = (now * multiplier + step) & mask;
    const mixed = ((now >> 64n) ^ now) & low, turn = now >> 122n;
    const word = ((mixed >> turn) | (mixed << (64n - turn))) & low;
    return Number(word >> 11n) / 2 ** 53;
  }));
}

/* As Python rounds: of two equally near, to the even one. */
function roundHalfEven(number) {
  const rounded = Math.round(number);
  return number % 1 === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/* A request's price: the length of what is read decides which rates hold for all of it. */
function requestUsd(tiers, read, written, stored) {
  const rates = tiers.find(each => read <= each.most) ?? tiers.at(-1);
  return rates.read * (read - stored) + rates.cached * stored + rates.written * written;
}

/* What a week costs in the cloud, and how many questions it has. */
export function weekBill(prices, chosen) {
  const { tokens_in: read, tokens_out: written, thinking_tokens: thinking, turns } = chosen;
  const questions = chosen.questions_per_hour * chosen.hours * chosen.people;
  let total = 0;
  for (let turn = 0; turn < turns; turn++) {
    const tokens = read + turn * (read + written), stored = roundHalfEven(chosen.cached_share * tokens);
    total += requestUsd(prices[chosen.model][chosen.batch ? 1 : 0], tokens, written + thinking, stored);
  }
  return { questions, usd: Math.max(0, questions * total / turns) };
}

/* The switches that are on and save nothing: the list has no such price of the model. */
export function unpriced(prices, chosen) {
  const [plain, batch] = prices[chosen.model];
  return [
    ...(chosen.cached_share && plain[0].cached === plain[0].read ? ["cache"] : []),
    ...(chosen.batch && batch[0].read === plain[0].read && batch[0].written === plain[0].written ? ["batch"] : []),
  ];
}

/* Every number and its range, as low, likely, high. */
export function estimates(facts, chosen, bill) {
  const machine = facts.hardware[chosen.hardware], exact = number => [number, number, number];
  const factor = machine.price_usd[1] ? chosen.price_usd / machine.price_usd[1] : 1;
  const seconds = [2, 1, 0].map(end => chosen.tokens_in / machine.prefill_tokens_per_s[end]
    + chosen.tokens_out / machine.decode_tokens_per_s[end]);
  return {
    ...machine, seconds, price_usd: machine.price_usd.map(price => price * factor),
    resale_share: exact(chosen.resale_share), usd_per_kwh: facts.tariffs[chosen.electricity],
    question_usd: exact(bill.questions ? bill.usd / bill.questions : 0),
    questions: exact(bill.questions),
  };
}

function triangular(uniform, [low, likely, high]) {
  const width = high - low, rise = likely - low;
  if (width === 0) return likely;
  if (uniform < rise / width) return low + Math.sqrt(uniform * width * rise);
  return high - Math.sqrt((1 - uniform) * width * (high - likely));
}

function weeklyRate(priceFall) {
  const rate = -Math.log1p(-priceFall) / WEEKS_A_YEAR;
  return rate > 1e-9 ? rate : 0;
}

const effectiveWeeks = (weeks, rate) => rate ? -Math.expm1(-rate * weeks) / rate : weeks;

/* When the cloud's cumulative bill first reaches the capital and what running it costs. */
function cross(capital, cloud, running, rate) {
  let weeks = cloud > running ? capital / (cloud - running) : Infinity;
  const short = at => capital + running * at - cloud * effectiveWeeks(at, rate);
  for (let step = 0; rate && step < NEWTON_STEPS && weeks < Infinity; step++) {
    const left = short(weeks), slope = cloud * Math.exp(-rate * weeks) - running;
    if (Math.abs(left) > 1e-9 * (1 + capital)) weeks += slope > 0 ? left / slope : Infinity;
  }
  return rate && weeks < Infinity && short(weeks) > 1e-6 * (1 + capital) ? Infinity : weeks;
}

function solve(numbers, chosen, rate) {
  const busy = numbers.questions * numbers.seconds / 3600, idle = Math.max(0, chosen.hours_on - busy);
  const wattHours = numbers.load_w * busy + numbers.idle_w * idle;
  const waiting = chosen.hourly_rate_usd * numbers.questions * (numbers.seconds - CLOUD_S) / 3600;
  const running = numbers.usd_per_kwh * wattHours / 1000 + waiting;
  const capital = numbers.price_usd * (1 - numbers.resale_share);
  const weeks = cross(capital, numbers.question_usd * numbers.questions, running, rate);
  const never = weeks > numbers.life_years * WEEKS_A_YEAR || busy > HOURS_A_WEEK;
  return { weeks: never ? Infinity : weeks, capital, running };
}

/* The break-even of all draws, and the lines of its figure. */
export function breakEven(facts, chosen, dice) {
  const bill = weekBill(facts.prices, chosen), ranges = estimates(facts, chosen, bill);
  const rate = weeklyRate(chosen.yearly_price_fall), draws = dice[0].length;
  const weeks = new Float64Array(draws), capital = new Float64Array(draws), running = new Float64Array(draws);
  const numbers = {};
  for (let draw = 0; draw < draws; draw++) {
    NUMBERS.forEach((name, row) => { numbers[name] = triangular(dice[row][draw], ranges[name]); });
    const solved = solve(numbers, chosen, rate);
    weeks[draw] = solved.weeks;
    capital[draw] = solved.capital;
    running[draw] = solved.running;
  }
  weeks.sort();
  const quantile = share => weeks[Math.ceil(share * draws) - 1];
  const never = weeks.filter(each => each === Infinity).length / draws;
  const life = ranges.life_years[2] * WEEKS_A_YEAR, late = quantile(0.9);
  const horizon = Math.min(life, Math.max(26, 2 * (late && late < Infinity ? late : life)));
  const x = Array.from({ length: facts.points }, (_, index) => horizon * index / (facts.points - 1));
  const rows = x.map(at => capital.map((paid, draw) => paid + running[draw] * at).sort());
  const line = percent => rows.map(row => row[Math.round(percent / 100 * (draws - 1))]);
  const cloud = x.map(at => bill.usd * effectiveWeeks(at, rate));
  return { bill, never, low: quantile(0.1), median: quantile(0.5), high: quantile(0.9),
    running: running.slice().sort(), fan: { x, low: line(10), middle: line(50), high: line(90), cloud } };
}
