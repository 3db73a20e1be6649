// The contract of the RandomData service: what the service program offers and the client program calls.
// Names, the interface and its limits; how numbers are made is the service's, how they are shown the client's.
import { defineInterface } from './interface/define.js';

/** The well-known name that the service owns. */
export const RANDOM_DATA_BUS_NAME = 'com.larry-price.test';

/** The object that the service exports. */
export const RANDOM_DATA_PATH = '/com/larry_price/test/RandomData';

/** Bits of a number for a caller who does not say how many. */
export const DEFAULT_BITS = 8;

/** Bits that the client program asks for when it is not told how many. */
export const CLIENT_DEFAULT_BITS = 16;

/** Most bits that `quick` takes. */
export const MAX_QUICK_BITS = 65_536;

/** Most bits that `slow` takes. */
export const MAX_SLOW_BITS = 3_600;

/** Most jobs of `slow` that run at once. */
export const MAX_SLOW_JOBS = 1_000;

/** Random integers, at once or slowly; as decimal text, since they may be of any length. */
export const RandomData = defineInterface({
  name: 'com.larry_price.test.RandomData',
  methods: {
    /** A uniformly random integer of so many bits. */
    quick: { in: 'i', out: 's', inNames: ['bits'], outNames: ['number'], optional: 1 },
    /** Starts a job that draws one bit per interval; its id comes at once, the number with the signal or the method. */
    slow: { in: 'i', out: 's', inNames: ['bits'], outNames: ['id'], optional: 1 },
    /** The number of a finished job, which is then forgotten; empty while the job runs. */
    slow_result: { in: 's', out: 's', inNames: ['id'], outNames: ['result'] },
  },
  signals: {
    /** A job is done. */
    slow_result: { args: 'ss', argNames: ['id', 'result'] },
    /** A job has drawn another bit. */
    slow_progress: { args: 'suu', argNames: ['id', 'done', 'total'] },
  },
});
