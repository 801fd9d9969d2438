/** Writes beside the bundle which sources it was built from. */

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const files = path =>
  statSync(path).isDirectory() ? readdirSync(path).flatMap(name => files(join(path, name))) : [path];

const whole = createHash('sha256');
const sources = ['src', 'style', 'schema', 'bundle.config.cjs', 'package.json', 'tsconfig.json', 'yarn.lock'];
const names = sources.flatMap(files).map(path => path.replaceAll('\\', '/'));
for (const name of names.sort()) {
  whole.update(`${name}\n${readFileSync(name, 'utf8').replaceAll('\r\n', '\n')}\n`);
}
writeFileSync('../maia_lab/labextension/sources.sha256', `${whole.digest('hex')}\n`);
