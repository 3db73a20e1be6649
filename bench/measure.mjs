// The measuring: all contestants of one case take slices in turn, each round in another order, so that whatever else
// the machine does meets all of them. A ratio is taken within a round; what is told is the median of the rounds.

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures one direction. `entrants` are contestants, each with what it is told to do, which may go by another name;
 * the result has, by contestant, the nanoseconds of an operation in each round. All are warmed up first, for V8 to
 * compile what is hot and for caches and allocators to settle. Times are in milliseconds.
 */
export async function measure(entrants, { rounds, slice, warmUp }) {
  const samples = Object.fromEntries(entrants.map(({ contestant }) => [contestant.name, []]));
  for (const { contestant, task } of entrants) await contestant.slice(task, warmUp);
  for (let round = 0; round < rounds; round++) {
    const first = round % entrants.length;
    for (const { contestant, task } of [...entrants.slice(first), ...entrants.slice(0, first)]) {
      samples[contestant.name].push(await contestant.slice(task, slice));
    }
  }
  return samples;
}

/** The samples of one direction as what is told of them; ratios are ours / theirs, so that below 1 is quicker. */
export function summarize(samples, targets) {
  const ours = samples.ours;
  const contestants = Object.entries(samples).map(([name, theirs]) => [name, {
    medianNs: median(theirs),
    bestNs: Math.min(...theirs),
    ratio: median(ours.map((time, round) => time / theirs[round])),
    bestRatio: Math.min(...ours) / Math.min(...theirs),
    roundsNs: theirs,
  }]);
  const results = Object.fromEntries(contestants);
  const goals = Object.entries(targets).map(([against, atMost]) => {
    const { ratio, bestRatio } = results[against] ?? {};
    return { against, atMost, ratio, bestRatio, met: ratio === undefined ? undefined : ratio <= atMost };
  });
  return { contestants: results, goals };
}
