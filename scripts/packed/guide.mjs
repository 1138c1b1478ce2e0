// A guide as a reader follows it: the files that its blocks name are written, its commands are run, and what it shows of
// their output has to be there.
//
//   ```ts src/backend.ts   a file
//   ```sh                  commands, run in the folder; a failure ends them
//   ```sh host             the same on the host of which the guide speaks: in a network namespace
//   ```text                lines that the commands before it print
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The steps of a guide, in their order.
 * @param {string} text
 * @returns {({ kind: 'file', file: string, text: string } | { kind: 'run', onHost: boolean, text: string }
 *   | { kind: 'output', text: string })[]}
 */
export function guideSteps(text) {
  const steps = [];
  for (const [, words, body] of text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const [language, file] = words.trim().split(/\s+/);
    if (language === 'sh') steps.push({ kind: 'run', onHost: file === 'host', text: body });
    else if (file !== undefined) steps.push({ kind: 'file', file, text: body });
    else if (language === 'text') steps.push({ kind: 'output', text: body });
  }
  return steps;
}

/** Runs commands, in a network namespace if told, and gives what they printed. @returns {Promise<string>} */
export function runCommands(commands, { cwd, env, timeoutMs, netns }) {
  const [program, ...args] = [
    ...(netns === undefined ? [] : ['ip', 'netns', 'exec', netns]),
    ...['bash', '-euo', 'pipefail', '-c', commands],
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...{ cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${commands.trim()}\nended with ${code ?? signal} in ${cwd}:\n${output}`));
    });
  });
}

/**
 * Follows a guide in a folder.
 * @param {string} text @param {{ cwd: string, env: NodeJS.ProcessEnv, timeoutMs: number, netns?: string }} options
 * @returns {Promise<{ commands: number, files: number }>} how many steps there were of each sort
 */
export async function followGuide(text, { netns, ...options }) {
  const counts = { commands: 0, files: 0 };
  let output = '';
  for (const step of guideSteps(text)) {
    if (step.kind === 'file') {
      const file = path.join(options.cwd, step.file);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, step.text);
      counts.files += 1;
    } else if (step.kind === 'run') {
      output = await runCommands(step.text, { ...options, ...(step.onHost && { netns }) });
      counts.commands += 1;
    } else {
      for (const line of step.text.trim().split('\n')) {
        if (!output.includes(line.trim()))
          throw new Error(`the guide shows ${JSON.stringify(line)}; printed was:\n${output}`);
      }
    }
  }
  return counts;
}
