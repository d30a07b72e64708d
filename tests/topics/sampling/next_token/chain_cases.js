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
    for (const [number, { format, context, settings, uniform }] of cases.entries()) {
      const stage = chain.runChain(sorted[format], context, settings).at(-1);
      const kernel = await load(`${size}/${number}`);
      const expected = new Float32Array(kernel, 0, size);
      const [...drawn] = new Int32Array(kernel, 4 * size), remaining = drawn.pop();
      const shares = new Float32Array(size);
      chain.probabilities(stage).forEach((share, rank) => { shares[stage.ids[rank]] = share; });
      // A cut among equal scores keeps any of them: then the probabilities are compared in order.
      const isTied = format === "float16" && shares.some((share, id) => !share !== !expected[id]);
      if (isTied) [shares, expected].forEach(each => each.sort());
      let most = 0;
      for (let id = 0; id < size; id++) most = Math.max(most, Math.abs(shares[id] - expected[id]));
      const draw = chain.drawer(stage, size);
      found.cases++;
      found.worst = Math.max(found.worst, most);
      found.otherRemaining = Math.max(found.otherRemaining, Math.abs(remaining - stage.ids.length));
      found.tied += isTied;
      if (isTied) continue;
      found.draws += drawn.length;
      found.otherDraws += drawn.filter((id, index) => draw(uniform[index]) !== id).length;
    }
  }
  return found;
}
