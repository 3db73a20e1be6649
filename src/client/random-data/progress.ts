// A line on a terminal that shows the progress of a slow job. It knows no bus, only the numbers that it shows.
// Color is left out if NO_COLOR is set (https://no-color.org).

/** The progress of a job; without `total`, only the elapsed time is known. */
export interface Progress {
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  /** Milliseconds since the start. */
  readonly elapsed: number;
}

/** The properties of a terminal. */
export interface ProgressStyle {
  /** Characters in a line of the terminal. */
  readonly columns: number;
  readonly color: boolean;
}

const MAX_BAR_WIDTH = 40;
const MIN_BAR_WIDTH = 4;
const [GREEN, RESET] = ['\x1b[32m', '\x1b[0m'];
const CLEAR_LINE = '\r\x1b[K';

/** The text of the line: `[#####-----]  5/10 bits  0:05`, or `waiting  0:05`; never wider than the terminal. */
export function formatProgress({ done, total, elapsed }: Progress, { columns, color }: ProgressStyle): string {
  const time = formatTime(elapsed);
  const room = columns - 1; // the last column makes some terminals wrap
  if (done === undefined || total === undefined) return `waiting  ${time}`.slice(0, room);
  const count = `${String(done).padStart(String(total).length)}/${total} bits  ${time}`;
  const width = Math.min(MAX_BAR_WIDTH, room - count.length - '[]  '.length);
  if (width < MIN_BAR_WIDTH) return count.slice(0, room);
  const filled = total === 0 ? width : Math.floor((Math.min(done, total) * width) / total);
  const bar = '#'.repeat(filled);
  return `[${color ? `${GREEN}${bar}${RESET}` : bar}${'-'.repeat(width - filled)}]  ${count}`;
}

function formatTime(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60] as const;
  const [hours, minutes, rest] = parts;
  const tail = `${String(minutes).padStart(hours > 0 ? 2 : 1, '0')}:${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}

/** The stream that the line is drawn on, such as {@link process.stderr}. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Milliseconds between two updates of the elapsed time. */
const REDRAW_INTERVAL = 1000;

/** A line that is drawn until it is disposed, and then removed. Writes nothing if the stream is not a terminal. */
export class ProgressLine implements Disposable {
  readonly #stream: ProgressStream;
  readonly #color: boolean;
  readonly #isShown: boolean;
  readonly #start = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;
  #state: { readonly done: number; readonly total: number } | undefined;

  constructor(stream: ProgressStream, environment: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream;
    this.#isShown = stream.isTTY === true && environment['TERM'] !== 'dumb';
    this.#color = (environment['NO_COLOR'] ?? '') === '';
    if (!this.#isShown) return;
    this.#timer = setInterval(() => this.#draw(), REDRAW_INTERVAL);
    this.#timer.unref();
    this.#draw();
  }

  /** Shows that the job has drawn `done` of `total` bits. */
  update(done: number, total: number): void {
    this.#state = { done, total };
    if (this.#isShown) this.#draw();
  }

  /** Removes the line. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#isShown) this.#stream.write(CLEAR_LINE);
  }

  #draw(): void {
    const progress = { ...this.#state, elapsed: performance.now() - this.#start };
    const style = { columns: this.#stream.columns || 80, color: this.#color };
    this.#stream.write(CLEAR_LINE + formatProgress(progress, style));
  }
}
