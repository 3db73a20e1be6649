// Commands for a program under attack: a test writes one JSON array per line to its standard input, the name of a
// command and its arguments, and gets one line `answer {…}` for it, in order.
// `report` is a command of every program: what it uses after a garbage collection, and what it has counted.
import { PerformanceObserver } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const MINOR = 1; // constants.NODE_PERFORMANCE_GC_MINOR
let minorCollections = 0;
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === MINOR) minorCollections++;
}).observe({ entryTypes: ['gc'] });

async function report(link) {
  await new Promise((resolve) => setTimeout(resolve, 1)); // observers run in a later turn
  const collections = minorCollections;
  for (let round = 0; round < 3; round++) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return {
    memory: heapUsed + arrayBuffers, collections, dropped: Object.fromEntries(link?.dropped ?? []),
    closed: link?.closedSignal.aborted ?? false, queuedBytes: link?.queuedBytes ?? 0,
  };
}

/** Serves commands until standard input ends, then closes the link. `ready` is the first line that is printed. */
export function serveCommands(commands, link, ready = 'ready') {
  const input = createInterface({ input: process.stdin });
  let last = Promise.resolve();
  const answerTo = async ([name, ...args]) => {
    try {
      return { value: await (name === 'report' ? report(link) : commands[name](...args)) };
    } catch ({ name: errorClass, code, message }) {
      return { error: { name: errorClass, code, message } };
    }
  };
  input.on('line', (line) => {
    last = last.then(() => answerTo(JSON.parse(line)))
      .then((answer) => void process.stdout.write(`answer ${JSON.stringify(answer)}\n`));
  });
  input.on('close', () => void last.then(() => link?.close({ timeout: 0 })));
  process.stdout.write(`${ready}\n`);
}
