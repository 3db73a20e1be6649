// Runs program.mjs with the built wire layer in a context whose globals are those of ECMAScript and nothing else, and
// in Node.
// Started as `node --experimental-vm-modules context.mjs`, input on standard input, result on standard output.
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import vm from 'node:vm';

const GLOBALS = new Set(`
  globalThis Infinity NaN undefined eval isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent
  encodeURI encodeURIComponent escape unescape AggregateError Array ArrayBuffer BigInt BigInt64Array
  BigUint64Array Boolean DataView Date Error EvalError FinalizationRegistry Float32Array Float64Array Function
  Int8Array Int16Array Int32Array Map Number Object Promise Proxy RangeError ReferenceError RegExp Set
  SharedArrayBuffer String Symbol SyntaxError TypeError Uint8Array Uint8ClampedArray Uint16Array Uint32Array
  URIError WeakMap WeakRef WeakSet Atomics JSON Math Reflect Iterator
`.trim().split(/\s+/));

const context = vm.createContext({});
const others = vm.runInContext('Object.getOwnPropertyNames(globalThis)', context).filter((name) => !GLOBALS.has(name));
for (const name of others) vm.runInContext(`delete globalThis[${JSON.stringify(name)}]`, context);
const globals = vm.runInContext('Object.getOwnPropertyNames(globalThis)', context);

const dist = new URL('../../../dist/', import.meta.url);
const modules = new Map();
function load(url) {
  let module = modules.get(url.href);
  if (module === undefined) {
    module = new vm.SourceTextModule(readFileSync(url, 'utf8'), { identifier: url.href, context });
    modules.set(url.href, module);
  }
  return module;
}
async function evaluate(url) {
  const module = load(url);
  await module.link((specifier, { identifier }) => {
    const url = new URL(specifier, identifier);
    if (!specifier.startsWith('.') || !url.href.startsWith(dist.href)) throw new Error(`${identifier} imports ${specifier}`);
    return load(url);
  });
  await module.evaluate();
  return module.namespace;
}

const wire = await evaluate(new URL('wire/index.js', dist));
const { run } = await evaluate(new URL('program.mjs', import.meta.url));
const input = await text(process.stdin);
context.call = { run, wire, input };
// Parsed inside: an array of this realm would not be one of that.
const result = vm.runInContext('call.run(call.wire, JSON.parse(call.input))', context);
const program = await import('./program.mjs');
const inNode = program.run(await import(new URL('wire/index.js', dist).href), JSON.parse(input));
process.stdout.write(JSON.stringify({ globals, modules: modules.size, result, inNode }));
