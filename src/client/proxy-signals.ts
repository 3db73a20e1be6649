// The signals of a proxy: one signal as a stream or for a listener, or several signals in one loop. Filters become
// keys of the match rule, so that the bus applies them. Tests: proxy-signals.test.ts, proxy.test.ts.
// Specification: Match Rules.
import { bodyAlone } from '../connection/descriptors.js';
import { countDrop } from '../connection/drops.js';
import type { MessageLink } from '../connection/link.js';
import type { StreamName } from '../connection/loop-end.js';
import {
  type ListenedSubscription, type ListenOptions, SignalListening, type SignalSink,
} from '../connection/signal-listener.js';
import { tapAllSignals, tapSignals } from '../connection/signal-taps.js';
import { queueOf, SignalReader, type SubscribeOptions } from '../connection/subscription.js';
import type { InterfaceDefinition } from '../interface/definition.js';
import { DefinitionError, unknownMember } from '../interface/errors.js';
import type { MatchRule } from '../protocol/match-rule.js';
import { blaming } from '../wire/error-place.js';
import type { Signal } from '../wire/messages/message.js';
import { ANY, checkOptions, type OptionRules } from '../wire/options.js';
import { type ProxyTarget, SIGNAL_RULES } from './proxy-options.js';
import { type SignalFilter, type SignalOptions, type SignalStream, signalStream } from './signal-stream.js';

/** How signals go to a listener. */
export interface SignalListenOptions extends Pick<ListenOptions, 'signal' | 'onGap'>, SignalFilter {}

/** How several signals are read in one loop. */
export interface SignalsOptions
  extends Pick<SubscribeOptions, 'signal' | 'queueLimit' | 'queueBytes' | 'overflow' | 'onGap'>, SignalFilter {}

/** A signal among several. */
export interface AnySignal {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly path: string;
  readonly message: Signal;
}

// The filters are checked by the grammar of match rules.
const FILTER_RULES: OptionRules<SignalFilter> = { args: ANY, argPaths: ANY, arg0Namespace: ANY, pathNamespace: ANY };
const STREAM_RULES: OptionRules<SignalOptions> = { ...SIGNAL_RULES, ...FILTER_RULES };
const { signal, queueLimit, queueBytes, overflow, onGap } = SIGNAL_RULES;
const LISTEN_RULES: OptionRules<SignalListenOptions> = { signal, onGap, ...FILTER_RULES };
const SEVERAL_RULES: OptionRules<SignalsOptions> = { signal, queueLimit, queueBytes, overflow, onGap, ...FILTER_RULES };

/** The signals of a proxy, without the types of their names and arguments. */
interface SignalFunctions {
  readonly $signal: (
    name: string, how?: SignalOptions | ((...args: unknown[]) => void), options?: SignalListenOptions,
  ) => SignalStream<readonly unknown[]> | ListenedSubscription;
  readonly $signals: (...namesAndOptions: readonly (string | SignalsOptions)[]) => SignalStream<AnySignal>;
}

/** Makes the functions for the signals of an interface. */
export function signalFunctions(
  link: MessageLink<boolean>, definition: InterfaceDefinition, { destination, path }: ProxyTarget,
): SignalFunctions {
  const { name: interfaceName } = definition;

  const ruleOf = (member: string, { args, argPaths, arg0Namespace, pathNamespace }: SignalFilter): MatchRule => ({
    sender: destination, path: pathNamespace === undefined ? path : undefined, interface: interfaceName, member,
    args, argPaths, arg0Namespace, pathNamespace,
  });

  const signatureOf = (name: unknown, caller: '$signal' | '$signals'): string => {
    const defined = typeof name === 'string' ? definition.signals[name] : undefined;
    if (defined !== undefined) return defined.args;
    const above = caller === '$signal' ? $signal : $signals;
    throw unknownMember('signal', name, { definition, caller: `${caller} of ${interfaceName}`, above });
  };

  const listen = (name: string, listener: (...args: unknown[]) => void, options: SignalListenOptions) => {
    const signature = signatureOf(name, '$signal');
    checkOptions(`$signal of ${interfaceName}.${name}`, options, LISTEN_RULES);
    const listening = new SignalListening((message) => {
      listener(...(message.body as unknown as readonly unknown[]), message); // a body is an array
    }, options.onGap);
    return listenTo(link, { rule: ruleOf(name, options), signature, listening, signal: options.signal });
  };

  const begin: SignalFunctions['$signal'] = (name, how = {}, listenOptions = {}) => {
    if (typeof how === 'function') return listen(name, how, listenOptions);
    const signature = signatureOf(name, '$signal');
    checkOptions(`$signal of ${interfaceName}.${name}`, how, STREAM_RULES);
    const { signal: end, queueLimit: limit, queueBytes: bytes, overflow: policy, onGap: noteGap } = how;
    const options = { signal: end, queueLimit: limit, queueBytes: bytes, overflow: policy, onGap: noteGap, signature };
    return signalStream(link.subscribe(ruleOf(name, how), options), bodyAlone);
  };

  const $signal: SignalFunctions['$signal'] = (...args) => blaming($signal, () => begin(...args));

  const beginSeveral: SignalFunctions['$signals'] = (...namesAndOptions) => {
    const last = namesAndOptions.at(-1);
    const hasOptions = typeof last === 'object' || last === undefined;
    const options = hasOptions && last !== undefined ? last : {};
    const given = hasOptions ? namesAndOptions.slice(0, -1) : namesAndOptions;
    checkOptions(`$signals of ${interfaceName}`, options, SEVERAL_RULES);
    const names = new Set(given.length === 0 ? Object.keys(definition.signals) : given);
    const wanted = Array.from(names, (name) => {
      const signature = signatureOf(name, '$signals');
      return { rule: ruleOf(String(name), options), signature };
    });
    if (wanted.length === 0) {
      const problem = 'the interface has no signals: it must have one to be read';
      throw new DefinitionError('SIGNAL_UNKNOWN', problem, { interface: interfaceName });
    }
    return signalStream(readSeveral(() => `signals of ${interfaceName}`, link, wanted, options), toAnySignal);
  };

  const $signals: SignalFunctions['$signals'] = (...args) => blaming($signals, () => beginSeveral(...args));
  return { $signal, $signals };
}

function toAnySignal(message: Signal): AnySignal {
  return { name: message.member, args: message.body, path: message.path, message };
}

/** Passes signals to a listener until `signal` aborts. */
function listenTo(
  link: MessageLink<boolean>, { rule, signature, listening, signal }: {
    readonly rule: MatchRule;
    readonly signature: string;
    readonly listening: SignalListening;
    readonly signal: AbortSignal | undefined;
  },
): ListenedSubscription {
  const tap = tapSignals(link, rule, { signature, signal, sink: listening });
  const close = (): Promise<void> => tap.close();
  return Object.freeze({
    ready: tap.ready,
    closed: listening.closed,
    get dropped() {
      return tap.dropped;
    },
    get gaps() {
      return tap.gaps;
    },
    close,
    [Symbol.asyncDispose]: close,
  });
}

/** Reads the signals of several rules in one queue, in order of arrival. */
function readSeveral(
  name: StreamName,
  link: MessageLink<boolean>, wanted: readonly { readonly rule: MatchRule; readonly signature: string }[],
  options: SignalsOptions,
): SignalReader {
  const { signal } = options;
  const fail = (error?: { readonly reason: unknown }): void => {
    if (error === undefined) return; // a tap that was closed
    queue.end(error);
    release().catch(() => {}); // the reader has an error already
  };
  const queue = queueOf(name, options, {
    onDrop: (message) => countDrop(link, 'queue overflow', { message }),
    onOverflow: (reason) => fail({ reason }),
  });
  const sinkOf = (index: number): SignalSink => ({
    dropped: 0,
    push: (message, bytes) => queue.push(message, bytes),
    noteGap: (gap) => {
      if (index === 0) queue.noteGap(gap); // one gap interrupts all of them
    },
    end: fail,
  });
  const release = async (): Promise<void> => {
    await Promise.all(taps.map((tap) => tap.close()));
  };
  const taps = tapAllSignals(link, wanted.map(({ rule, signature }, index) => (
    [rule, { signature, signal, sink: sinkOf(index) }]
  ))); // it throws if a rule is not valid
  const ready = Promise.all(taps.map((tap) => tap.ready)).then(() => undefined);
  ready.catch(() => {}); // the reader gets the error, too
  return new SignalReader({
    ready,
    get dropped() {
      return taps.reduce((sum, { dropped }) => sum + dropped, queue.dropped);
    },
    get gaps() {
      return taps[0]?.gaps ?? 0;
    },
    release,
  }, queue);
}
