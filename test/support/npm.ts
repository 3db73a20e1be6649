// npm, run by tests as a user runs it: in its own folder, with packages that may have to come from a registry.
// Knows the errors of an unreachable registry; the tests know what is installed, and why.

import type { TestContext } from 'vitest';
import { run, type RunOptions } from './programs.js';

/** Milliseconds for an install that may have to fetch packages. */
export const INSTALL_TIMEOUT = 240_000;

// npm sets variables with its folder for the scripts that it runs; another npm must not use them.
const npmVariables = Object.keys(process.env).filter((key) => /^npm_/i.test(key));

/** Changes to the environment of these tests, so that an npm in it starts without settings of another. */
export const NPM_ENV: NonNullable<RunOptions['env']> = Object.fromEntries(npmVariables.map((key) => [key, undefined]));

/** Flags for an npm that prints errors only. */
export const QUIET = ['--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'] as const;

const UNREACHABLE = /\b(ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b/;

/**
 * `npm install` of packages into a folder, from npm's cache if they are there. If they are not and no registry can be
 * reached, the test is skipped and the reason printed; in CI (`CI` is set) that is a failure.
 */
export async function npmInstall(context: TestContext, cwd: string, ...packages: readonly string[]): Promise<void> {
  const env = { ...NPM_ENV, npm_config_fetch_retries: '1' };
  const args = ['install', '--prefer-offline', ...QUIET, ...packages];
  const { code, stderr } = await run('npm', args, { cwd, env, timeout: INSTALL_TIMEOUT });
  if (code === 0) return;
  const problem = UNREACHABLE.exec(stderr)?.[0];
  if (problem === undefined || process.env['CI']) throw new Error(`npm ${args.join(' ')} failed:\n${stderr}`);
  const reason = `packages are not in npm's cache, and no registry can be reached: ${problem}`;
  process.stderr.write(`skipped, ${context.task.name}: ${reason}\n`);
  context.skip(reason);
}
