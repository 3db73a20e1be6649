// The contract of the RandomData service between the two programs: names, the interface, and its limits.
// It does not know how the service draws numbers or how the client shows them.
// Tests: test/interop/random-data.test.ts, with the programs of others.
import { defineInterface } from './interface/define.js';

/** The well-known name that the service owns. */
export const RANDOM_DATA_BUS_NAME = 'com.larry-price.test';

/** The object that the service exports. */
export const RANDOM_DATA_PATH = '/com/larry_price/test/RandomData';

/** The number of bits if a caller leaves it out. */
export const DEFAULT_BITS = 8;

/** The number of bits that the client program asks for by default. */
export const CLIENT_DEFAULT_BITS = 16;

/** The most bits of a `quick` number. */
export const MAX_QUICK_BITS = 65_536;

/** The most bits of a `slow` number. */
export const MAX_SLOW_BITS = 3_600;

/** The most jobs of `slow` that run at the same time. */
export const MAX_SLOW_JOBS = 1_000;

/** The most jobs of one caller, so that no caller takes all of them. */
export const MAX_SLOW_JOBS_PER_CALLER = 100;

/** Random integers, at once or bit by bit; as decimal text, because they may be longer than any D-Bus integer. */
export const RandomData = defineInterface({
  name: 'com.larry_price.test.RandomData',
  methods: {
    /** A uniformly random integer of that many bits. */
    quick: { in: 'i', out: 's', inNames: ['bits'], outNames: ['number'], optional: 1 },
    /** Starts a job that draws one bit per interval. Returns its ID; the signal and the method deliver the number. */
    slow: { in: 'i', out: 's', inNames: ['bits'], outNames: ['id'], optional: 1 },
    /** The number of a finished job, which is then forgotten; empty while the job is running. */
    slow_result: { in: 's', out: 's', inNames: ['id'], outNames: ['result'] },
  },
  signals: {
    /** A job is done. */
    slow_result: { args: 'ss', argNames: ['id', 'result'] },
    /** A job has drawn another bit. */
    slow_progress: { args: 'suu', argNames: ['id', 'done', 'total'] },
  },
});
