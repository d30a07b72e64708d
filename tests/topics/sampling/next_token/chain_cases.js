/* Runs the module's chain on the cases of a server, and compares with what the kernel computed:
   in node and in a browser alike. Gives the largest difference, and what else differs. */
export async function compare(chain, address) {
  const load = async path => (await fetch(`${address}/${path}`)).arrayBuffer();
  const { vocabularies } = JSON.parse(new TextDecoder().decode(await load("cases")));
  const found = { cases: 0, worst: 0, otherRemaining: 0, tied: 0, draws: 0, otherDraws: 0 };
  for (const { size, cases } of vocabularies) {
    const halves = new Uint16Array(await load(`${size}/float16`));
    const sorted = {
      float32: chain.sortScores(new Float32Array(await load(`${size}/float32`))),
      float16: chain.sortScores(chain.fromFloat16(halves)),
    };
    const results = await load(`${size}/results`), shares = new Float32Array(size);
    let start = 0;
    for (const { format, context, settings, uniform } of cases) {
      const stage = chain.runChain(sorted[format], context, settings).at(-1);
      const whole = new Int32Array(results, start), [count, remaining] = whole;
      const drawn = whole.subarray(2, 2 + uniform.length);
      const ids = whole.subarray(2 + uniform.length, 2 + uniform.length + count);
      const expected = new Float32Array(results, ids.byteOffset + 4 * count, count);
      start = expected.byteOffset + 4 * count;
      const own = chain.probabilities(stage);
      shares.fill(0);
      own.forEach((share, rank) => { shares[stage.ids[rank]] = share; });
      // A cut among equal scores keeps any of them: then the probabilities are compared in order.
      const some = own.reduce((sum, share) => sum + (share > 0), 0);
      const isTied = format === "float16" && (some !== count || ids.some(id => !shares[id]));
      found.cases++;
      found.worst = Math.max(found.worst,
        isTied ? worstInOrder(own, expected) : worstById(shares, stage.ids, ids, expected));
      found.otherRemaining = Math.max(found.otherRemaining, Math.abs(remaining - stage.ids.length));
      found.tied += isTied;
      if (isTied) continue;
      const draw = chain.drawer(stage, size);
      found.draws += drawn.length;
      found.otherDraws += drawn.filter((id, index) => draw(uniform[index]) !== id).length;
    }
  }
  return found;
}

function worstInOrder(own, expected) {
  const [ours, theirs] = [own, expected].map(each => each.slice().sort().reverse());
  let most = 0;
  for (let rank = 0; rank < Math.max(ours.length, theirs.length); rank++)
    most = Math.max(most, Math.abs((ours[rank] ?? 0) - (theirs[rank] ?? 0)));
  return most;
}

function worstById(shares, ownIds, ids, expected) {
  ids.forEach((id, index) => { shares[id] -= expected[index]; });
  let most = 0;
  for (const each of [ownIds, ids]) for (const id of each) most = Math.max(most, Math.abs(shares[id]));
  return most;
}
