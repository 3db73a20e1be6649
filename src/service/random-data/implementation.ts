// The RandomData service: `quick` returns a number at once, `slow` draws one in the background. It checks the arguments
// of callers and emits the progress of jobs as signals; slow-jobs.ts runs the jobs. It knows no connection.
// The interface itself is in ../../random-data.ts.
import { DBusError } from '../../protocol/errors.js';
import { ErrorName } from '../../protocol/error-names.js';
import type { Implementation } from '../../interface/definition.js';
import {
  DEFAULT_BITS, MAX_QUICK_BITS, MAX_SLOW_BITS, MAX_SLOW_JOBS, MAX_SLOW_JOBS_PER_CALLER, RandomData,
} from '../../random-data.js';
import { FairQueue, type QueueLimits } from './fair-queue.js';
import { randomInteger } from './random-integer.js';
import { type SlowJobOptions, SlowJobs } from './slow-jobs.js';

/** A RandomData service, to be exported at its path. Dispose it to end its jobs. */
export interface RandomDataService extends Disposable {
  readonly implementation: ImplementationOf<typeof RandomData>;
  readonly jobs: SlowJobs;
}

type ImplementationOf<Definition extends { implement(members: never): Implementation }> = ReturnType<
  Definition['implement']
>;

/** The time that a number takes grows with the square of its bits; the unit is that of a number of 256 bits. */
function costOf(bits: number): number {
  return (bits / 256) ** 2;
}

/** Numbers of up to 2,048 bits take no longer than their messages. A slice has one of the longest: about 2 ms. */
const NUMBERS: QueueLimits = { free: costOf(2_048), slice: costOf(MAX_QUICK_BITS) };

/** Creates a RandomData service. */
export function createRandomData(options: SlowJobOptions = {}): RandomDataService {
  const { source } = options;
  const numbers = new FairQueue(NUMBERS);
  const jobs = new SlowJobs(
    {
      progress: (id, done, total) => implementation.emit('slow_progress', id, done, total),
      result: (id, result) => implementation.emit('slow_result', id, result),
    },
    options,
  );
  const implementation = RandomData.implement({
    methods: {
      quick: (bits = DEFAULT_BITS, caller) => {
        assertBits(bits, MAX_QUICK_BITS);
        return numbers.run(caller, costOf(bits), () => randomInteger(bits, source));
      },
      slow: (bits = DEFAULT_BITS, caller) => {
        assertBits(bits, MAX_SLOW_BITS);
        const started = jobs.start(bits, caller);
        if ('id' in started) return started.id;
        const found = started.refusal === 'too many'
          ? `${MAX_SLOW_JOBS} slow jobs are running already`
          : `${MAX_SLOW_JOBS_PER_CALLER} slow jobs of this caller are running already`;
        throw new DBusError(ErrorName.LIMITS_EXCEEDED, `${found}; try again when one is done`);
      },
      slow_result: (id, caller) => {
        const job = jobs.collect(id, caller);
        if (job?.state === 'foreign') {
          const problem = 'another caller has started the slow job: while it is on the bus, only it gets the result';
          throw new DBusError(ErrorName.ACCESS_DENIED, problem);
        }
        if (job === undefined) {
          const problem = 'no slow job has this id: it was never issued, or its result was collected or has expired';
          throw new DBusError(ErrorName.INVALID_ARGS, problem);
        }
        return job.state === 'running' ? '' : job.result;
      },
    },
  });
  return { implementation, jobs, [Symbol.dispose]: () => jobs[Symbol.dispose]() };
}

function assertBits(bits: number, most: number): void {
  if (bits < 0) throw new DBusError(ErrorName.INVALID_ARGS, `the number of bits cannot be negative, got ${bits}`);
  if (bits > most) throw new DBusError(ErrorName.LIMITS_EXCEEDED, `at most ${most} bits can be asked for, got ${bits}`);
}
