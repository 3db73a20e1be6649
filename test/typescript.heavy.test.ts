// The declarations of the package, compiled by the oldest TypeScript that README promises. npm downloads that compiler.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installPackage } from './support/consumer.js';
import { INSTALL_TIMEOUT, npmInstall } from './support/npm.js';
import { COMPILATIONS } from './support/typescript-consumers.js';

/** Older ones lose literal types. */
const OLDEST_TYPESCRIPT = '5.4.2';

test(`TypeScript ${OLDEST_TYPESCRIPT} accepts the declarations of the package`, async (context) => {
  const consumer = await installPackage();
  consumer.write(join('oldest', 'package.json'), '{ "private": true }');
  await npmInstall(context, join(consumer.folder, 'oldest'), `typescript@${OLDEST_TYPESCRIPT}`);
  const compiler = join(consumer.folder, 'oldest', 'node_modules', 'typescript');
  for (const compilation of COMPILATIONS) await consumer.compile(compiler, compilation);
  expect(COMPILATIONS).not.toHaveLength(0);
}, INSTALL_TIMEOUT + 240_000);
