// Makes and runs numbered cases: each depends on the seed and its number only, and is checked by the oracle.

import type { Message } from '../../src/wire/index.js';
import * as names from '../../src/wire/names.js';
import { parseSignature } from '../../src/wire/signature.js';
import { SignatureError } from '../../src/wire/errors.js';
import {
  generateBusName, generateInterface, generateMember, generateMessage, generateOddValue, generatePath,
  generateSignature, generateText, spoil,
} from './generate.js';
import { mutate } from './mutate.js';
import { checkAnyEncoding, checkEncoding, checkMessage, checkStream, checkUnmarshal, Finding } from './oracle.js';
import { Random } from './random.js';
import { referenceGrammar, Refused, typesOf } from './reference.js';

/** The outcome of a case, for the counts at the end. */
export type CaseKind =
  | 'valid message' | 'message broken' | 'message still valid' | 'stream' | 'values taken' | 'values refused'
  | 'encoding taken' | 'encoding refused' | 'grammar';

interface CaseContext {
  readonly random: Random;
  readonly corpus: readonly Uint8Array[];
  /** The subject of the case, for the report of a finding. */
  readonly note: (key: string, subject: unknown) => void;
}

type CaseMaker = (context: CaseContext) => CaseKind;

function someMessage(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.5)) return random.pick(corpus);
  const { input, value } = generateMessage(random);
  return checkEncoding(input, value);
}

const validMessage: CaseMaker = ({ random, note }) => {
  const { input, value } = generateMessage(random);
  note('message', input);
  const bytes = checkEncoding(input, value);
  note('bytes', bytes);
  if (!checkMessage(bytes)) throw new Finding('a valid message was refused');
  return 'valid message';
};

const brokenMessage: CaseMaker = ({ random, corpus, note }) => {
  const bytes = random.chance(0.02)
    ? random.bytes(random.small(200))
    : mutate(random, someMessage(random, corpus), random.pick(corpus));
  note('bytes', bytes);
  return checkMessage(bytes) ? 'message still valid' : 'message broken';
};

const stream: CaseMaker = ({ random, corpus, note }) => {
  const messages = Array.from({ length: random.between(1, 5) }, () => {
    const message = someMessage(random, corpus);
    return random.chance(0.3) ? mutate(random, message, random.pick(corpus)) : message;
  });
  const bytes = Uint8Array.from(Buffer.concat(messages));
  note('stream', bytes);
  checkStream(random, bytes);
  return 'stream';
};

const values: CaseMaker = ({ random, corpus, note }) => {
  const signature = generateSignature(random);
  const bytes = random.chance(0.5) ? random.bytes(random.small(100)) : random.pick(corpus).slice(random.below(8));
  note('signature', signature);
  note('bytes', bytes);
  const byteOrder = random.chance(0.5) ? 'little' : 'big';
  return checkUnmarshal(signature, bytes, byteOrder) ? 'values taken' : 'values refused';
};

const SPOILED_KEYS = [
  'type', 'flags', 'serial', 'path', 'interface', 'member', 'errorName', 'replySerial', 'destination', 'sender',
  'signature', 'unixFds', 'unknownFields',
] as const;

const anyEncoding: CaseMaker = ({ random, note }) => {
  let message = generateMessage(random).input;
  if (random.chance(0.7)) message = { ...message, body: message.body.map((value) => spoilSometimes(random, value)) };
  if (random.chance(0.1)) message = { ...message, body: message.body.slice(1) };
  if (random.chance(0.3)) message = spoilHeader(random, message);
  note('message', message);
  return checkAnyEncoding(message) ? 'encoding taken' : 'encoding refused';
};

const spoilSometimes = (random: Random, value: unknown): unknown => (random.chance(0.5) ? spoil(random, value) : value);

function spoilHeader(random: Random, message: Message): Message {
  const key = random.pick(SPOILED_KEYS);
  if (key !== 'unknownFields') return { ...message, [key]: generateOddValue(random) };
  const code = random.chance(0.5) ? generateOddValue(random) : random.below(14);
  const field = { code, value: generateOddValue(random) };
  return { ...message, unknownFields: [field] } as Message; // on purpose not one
}

const GRAMMARS = [
  [names.isObjectPath, referenceGrammar.objectPath],
  [names.isMemberName, referenceGrammar.member],
  [names.isInterfaceName, referenceGrammar.interface],
  [names.isErrorName, referenceGrammar.interface],
  [names.isWellKnownName, referenceGrammar.wellKnownName],
  [names.isUniqueName, referenceGrammar.uniqueName],
  [names.isReceivableBusName, referenceGrammar.receivedBusName],
] as const;

const NAME_CHARACTERS = 'aZ_09.-:/ é\0a.b';
const SIGNATURE_CHARACTERS = 'ybsovgaaa(((){}{}i';

function spoilText(random: Random, text: string, alphabet: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + (random.chance(0.7) ? random.pick(alphabet) : '') + text.slice(at + random.below(2));
}

const grammar: CaseMaker = ({ random, note }) => {
  const make = random.pick([generateBusName, generateInterface, generateMember, generatePath, generateText]);
  let name = make(random);
  if (random.chance(0.1)) name = name.padEnd(random.between(254, 257), 'a');
  if (random.chance(0.6)) name = spoilText(random, name, NAME_CHARACTERS);
  note('name', name);
  for (const [ours, reference] of GRAMMARS) {
    if (ours(name) !== reference(name)) throw new Finding(`${ours.name} and the reference disagree`);
  }
  let signature = generateSignature(random);
  for (let left = random.below(4); left > 0; left--) signature = spoilText(random, signature, SIGNATURE_CHARACTERS);
  note('signature', signature);
  checkSignature(signature);
  return 'grammar';
};

function checkSignature(signature: string): void {
  const ours = typesByUs(signature);
  let types: string[] | undefined;
  try {
    types = typesOf(signature);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  if (ours?.join(' ') !== types?.join(' ')) throw new Finding('parseSignature and the reference disagree');
}

function typesByUs(signature: string): string[] | undefined {
  try {
    return parseSignature(signature).map((type) => type.signature);
  } catch (error) {
    if (error instanceof SignatureError && error.offset >= 0 && error.offset <= signature.length) return undefined;
    throw new Finding('parseSignature threw something that is not documented', { cause: error });
  }
}

/** Case makers, the more often the more there is to find. */
const MAKERS: readonly CaseMaker[] = [
  validMessage, brokenMessage, brokenMessage, brokenMessage, brokenMessage, brokenMessage, stream, stream, values,
  anyEncoding, anyEncoding, grammar,
];

/** A case that the wire layer failed. */
export interface FailedCase {
  readonly caseNumber: number;
  readonly error: unknown;
  /** The subject of the case: bytes, a signature, a message. */
  readonly subjects: ReadonlyMap<string, unknown>;
}

/** The most milliseconds of processor time that a case may take. Cases are small, so that any machine needs less. */
const SLOWEST = 3_000;

/** Runs one case; returns its kind, or why it failed. */
export function runCase(seed: number, caseNumber: number, corpus: readonly Uint8Array[]): CaseKind | FailedCase {
  const random = new Random(seed, caseNumber);
  const subjects = new Map<string, unknown>();
  const note = (key: string, subject: unknown): void => void subjects.set(key, subject);
  const start = process.cpuUsage();
  try {
    const kind = random.pick(MAKERS)({ random, corpus, note });
    const { user, system } = process.cpuUsage(start);
    const time = (user + system) / 1000;
    if (time > SLOWEST) throw new Finding(`a case took ${Math.round(time)} ms`);
    return kind;
  } catch (error) {
    return { caseNumber, error, subjects };
  }
}
