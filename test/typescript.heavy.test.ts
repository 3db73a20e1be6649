// The declarations of the package, compiled by the oldest versions of TypeScript that README promises. npm downloads
// those compilers. The newest is in package.heavy.test.ts.

import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Consumer, installPackage } from './support/consumer.js';
import { INSTALL_TIMEOUT, npmInstall } from './support/npm.js';
import {
  type Compilation, COMPILATIONS, DEFAULT_COMPILATIONS, REQUIRE_COMPILATIONS,
} from './support/typescript-consumers.js';

/** Older ones lose literal types. */
const OLDEST = '5.4.2';
/** Older ones report TS1479 in a CommonJS module. */
const OLDEST_WITH_REQUIRE = '5.8.2';
/** The defaults of older ones do not read the `exports` of a package. */
const OLDEST_BY_DEFAULT = '6.0.2';

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPackage();
}, 120_000);

const promised: readonly (readonly [version: string, settings: string, compilations: readonly Compilation[]])[] = [
  [OLDEST, 'with the settings that README names', COMPILATIONS],
  [OLDEST_WITH_REQUIRE, 'in a CommonJS module', REQUIRE_COMPILATIONS],
  [OLDEST_BY_DEFAULT, 'with its default settings', DEFAULT_COMPILATIONS],
];

for (const [version, settings, compilations] of promised) {
  test(`TypeScript ${version} accepts the declarations of the package ${settings}`, async (context) => {
    const folder = `typescript-${version}`;
    consumer.write(join(folder, 'package.json'), '{ "private": true }');
    await npmInstall(context, join(consumer.folder, folder), `typescript@${version}`);
    const compiler = join(consumer.folder, folder, 'node_modules', 'typescript');
    for (const compilation of compilations) await consumer.compile(compiler, compilation);
    expect(compilations).not.toHaveLength(0);
  }, INSTALL_TIMEOUT + 240_000);
}
