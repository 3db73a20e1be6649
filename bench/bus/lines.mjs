// A process that obeys: a line with words parted by tabs in, one line with "ok" or "error" out.
import { createInterface } from 'node:readline';

/** Serves commands until the input ends. A command gets the words that follow its name; what it gives is the answer. */
export async function serveLines(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...words] = line.split('\t');
    let answer;
    try {
      answer = `ok ${(await commands[command](...words)) ?? ''}`;
    } catch (error) {
      answer = `error ${String(error?.message ?? error).replaceAll('\n', ' ').slice(0, 300)}`;
    }
    process.stdout.write(`${answer}\n`);
  }
}
