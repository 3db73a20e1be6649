// So many calls with so many in flight. The loop itself is the contestant's, so that nothing here runs for each call.

/** Shares `count` calls among `width` lanes, each of which makes its calls one after the other. */
export async function inLanes(width, count, lane) {
  const lanes = [];
  for (let i = 0; i < width; i++) {
    const share = Math.floor(count / width) + (i < count % width ? 1 : 0);
    if (share > 0) lanes.push(lane(share));
  }
  await Promise.all(lanes);
}

export function wrongReply(expected, actual) {
  return new Error(`wrong reply: expected ${String(expected)}, got ${String(actual).slice(0, 50)}`);
}
