/* The sampling chain over a whole vocabulary, with the arithmetic of transformers' processors in
   float32 (labkit/backends/local/sampler.py). No DOM: node imports it as it is.

   A stage is { name, setting, ids, values }: the tokens that remain, best first, and their scores.
   A filter keeps a stretch of that order, so nothing is sorted after the scores have come. */
export const STAGES = ["repetition_penalty", "presence_penalty", "frequency_penalty", "temperature",
  "top_k", "top_p", "min_p", "typical_p"];
export const NEUTRAL = { repetition_penalty: 1, presence_penalty: 0, frequency_penalty: 0,
  temperature: 1, top_k: 0, top_p: 1, min_p: 0, typical_p: 1 };
const MOST_TOKENS = 2 ** 20; // of a vocabulary
const round = Math.fround;

/* Bits of IEEE 754 halves as float32. */
export function fromFloat16(halves) {
  return Float32Array.from(halves, bits => {
    const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * fraction * 2 ** -24;
  });
}

/* The first stage: all scores, best first. Of equal ones the later comes first; which of them a cut
   through their midst keeps is open in torch too, whose sort is not stable. */
export function sortScores(scores) {
  const size = scores.length, bits = new Uint32Array(scores.buffer, scores.byteOffset, size);
  // Order-preserving whole numbers of 32 bits, and the index in 20 bits below: one native sort.
  const keys = Float64Array.from(bits, (word, index) =>
    ((word >> 31 ? ~word : word | 0x80000000) >>> 0) * MOST_TOKENS + index).sort();
  const ids = new Int32Array(size), values = new Float32Array(size);
  for (let rank = 0; rank < size; rank++) {
    ids[rank] = keys[size - 1 - rank] % MOST_TOKENS;
    values[rank] = scores[ids[rank]];
  }
  let count = size;
  while (count && values[count - 1] === -Infinity) count--;
  return part({ name: "scores", setting: null, ids, values }, 0, count);
}

function part({ ids, values, ...rest }, start, end) {
  return { ...rest, ids: ids.subarray(start, end), values: values.subarray(start, end) };
}

/* Probabilities of a stage's tokens, best first; computed once for each stage. */
export function probabilities(stage) {
  if (stage.probabilities) return stage.probabilities;
  const { values } = stage, size = values.length, shares = new Float32Array(size);
  let sum = 0;
  for (let rank = 0; rank < size; rank++) sum += shares[rank] = Math.exp(round(values[rank] - values[0]));
  for (let rank = 0; rank < size; rank++) shares[rank] /= sum;
  stage.sum = sum;
  return stage.probabilities = shares;
}

export function entropyBits(stage) {
  let sum = 0;
  for (const share of probabilities(stage)) if (share > 0) sum -= share * Math.log2(share);
  return sum + 0;
}

/* How often each token has occurred. */
export function countTokens(context) {
  const counts = new Map();
  for (const id of context) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/* New scores for the tokens that have occurred; they alone change their rank. */
function penalize(stage, context, change) {
  const occurred = countTokens(context), marks = new Uint8Array(MOST_TOKENS), changed = [];
  const ids = new Int32Array(stage.ids.length), values = new Float32Array(stage.ids.length);
  for (const id of occurred.keys()) marks[id] = 1;
  let count = 0;
  for (let rank = 0; rank < ids.length; rank++) {
    const id = stage.ids[rank], value = stage.values[rank];
    if (marks[id]) changed.push([id, round(change(value, occurred.get(id)))]);
    else {
      ids[count] = id;
      values[count++] = value;
    }
  }
  changed.sort(([id, value], [other, otherValue]) => value - otherValue || id - other);
  // From the worst upward, each moves the ones below it down.
  let read = count - 1, write = ids.length - 1;
  const put = (id, value) => { ids[write] = id; values[write--] = value; };
  for (const [id, value] of changed) {
    while (read >= 0 && (values[read] < value || (values[read] === value && ids[read] < id)))
      put(ids[read], values[read--]);
    put(id, value);
  }
  return { ids, values };
}

function divide(stage, temperature) {
  const divisor = round(temperature);
  if (temperature > 0) return { ids: stage.ids, values: stage.values.map(value => value / divisor) };
  let tied = 1;
  while (stage.values[tied] === stage.values[0]) tied++;
  return part(stage, tied - 1, tied); // of equal ones the first by index, as torch's argmax
}

function keepTopK(stage, k) {
  let end = Math.min(k, stage.ids.length);
  while (end < stage.ids.length && stage.values[end] === stage.values[end - 1]) end++;
  return part(stage, 0, end);
}

function keepTopP(stage, p) {
  const shares = probabilities(stage), least = round(1 - p);
  let end = shares.length, sum = 0;
  while (end > 1 && round(sum += shares[end - 1]) <= least) end--;
  return part(stage, 0, end);
}

function keepMinP(stage, p) {
  const shares = probabilities(stage), least = round(round(p) * shares[0]);
  let end = shares.length;
  while (end > 1 && shares[end - 1] < least) end--;
  return part(stage, 0, end);
}

/* The tokens whose surprise is nearest to the entropy: a stretch around it, which grows on the side
   where the next one is nearer, until it holds the probability. */
function keepTypical(stage, p) {
  const shares = probabilities(stage), { values } = stage, size = shares.length;
  const surprise = new Float32Array(size), distance = new Float32Array(size), all = Math.log(stage.sum);
  let entropy = 0;
  for (let rank = 0; rank < size; rank++) {
    surprise[rank] = round(values[0] - values[rank]) + all;
    entropy += surprise[rank] * shares[rank];
  }
  entropy = round(entropy);
  for (let rank = 0; rank < size; rank++) distance[rank] = Math.abs(surprise[rank] - entropy);
  let end = 0;
  while (end < size && surprise[end] < entropy) end++;
  let start = end, held = 0, last = 0;
  const leftIsNearer = () => start > 0 && (end === size || distance[start - 1] <= distance[end]);
  // As in transformers: with the first one that reaches the probability, and all that are as near.
  for (let more = true; more && end - start < size;) {
    const rank = leftIsNearer() ? --start : end++;
    last = distance[rank];
    more = round(held += shares[rank]) < round(p);
  }
  while (start > 0 && distance[start - 1] <= last) start--;
  while (end < size && distance[end] <= last) end++;
  return part(stage, start, end);
}

const APPLY = {
  repetition_penalty: (stage, penalty, context) => penalize(stage, context,
    value => value < 0 ? value * round(penalty) : value / round(penalty)),
  presence_penalty: (stage, penalty, context) => penalize(stage, context,
    value => value - round(penalty)),
  frequency_penalty: (stage, penalty, context) => penalize(stage, context,
    (value, count) => value - round(round(penalty) * count)),
  temperature: divide, top_k: keepTopK, top_p: keepTopP, min_p: keepMinP, typical_p: keepTypical,
};
const DRAWN_ONLY = ["top_k", "top_p", "min_p", "typical_p"]; // at temperature 0 nothing is filtered

/* All stages of a chain, the scores first. `settings` has each stage's value and their `order`. */
export function runChain(sorted, context, settings) {
  const stages = [sorted];
  for (const name of settings.order ?? STAGES) {
    const setting = settings[name] ?? NEUTRAL[name];
    if (setting === NEUTRAL[name]) continue;
    if (settings.temperature === 0 && DRAWN_ONLY.includes(name)) continue;
    const { ids, values } = APPLY[name](stages.at(-1), setting, context);
    stages.push({ name, setting, ids, values });
  }
  return stages;
}

/* A function from a uniform number to the token that the kernel draws with it: the first, by index,
   at which the sum of the probabilities exceeds it. */
export function drawer(stage, size) {
  const shares = probabilities(stage), sums = new Float64Array(size);
  stage.ids.forEach((id, rank) => { sums[id] = shares[rank]; });
  for (let id = 1; id < size; id++) sums[id] += sums[id - 1];
  return uniform => {
    const mark = uniform * sums[size - 1];
    let low = 0, high = size - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > mark) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
