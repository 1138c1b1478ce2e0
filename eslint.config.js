// Typed lint of the TypeScript sources and tests, plain lint of the scripts. Own rules are in scripts/lint/.
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { houseImports } from './scripts/lint/rules/house-imports.mjs';
import { noCycle } from './scripts/lint/rules/no-cycle.mjs';
import { noSleep } from './scripts/lint/rules/no-sleep.mjs';

const overlay = { rules: { 'house-imports': houseImports, 'no-cycle': noCycle, 'no-sleep': noSleep } };

const sources = ['{packages,examples}/*/{src,test}/**/*.ts', 'conformance/{src,test}/**/*.ts'];
const tests = ['{packages,examples}/*/test/**/*.ts', 'conformance/test/**/*.ts'];
/** Programs, whose job is to print. */
const programs = ['packages/agent/src/{cli,bin,main}/**/*.ts', 'packages/agent/src/*main.ts', 'examples/*/src/**/*.ts'];
const scripts = ['*.js', 'scripts/**/*.mjs', 'packages/*/{native,scripts,bin}/**/*.{js,mjs,cjs}'];

const names = ['Buffer', 'URL', 'AbortController', 'AbortSignal', 'console', 'process', 'performance'];
const timers = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'queueMicrotask'];
const nodeGlobals = Object.fromEntries([...names, ...timers].map((name) => [name, 'readonly']));

export default defineConfig(
  {
    ignores: ['**/node_modules/', '**/dist/', '**/test-dist/', '**/bundle/', '**/prebuilds/', '.cache/', 'coverage/'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: sources,
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { overlay },
    rules: {
      'overlay/house-imports': 'error',
      'overlay/no-cycle': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `signal.reason` is any.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Name what is exported: no `export *`.' },
        { selector: 'ExportDefaultDeclaration', message: 'Export by name: no default exports.' },
        {
          selector: 'ExportSpecifier[exported.name="default"]',
          message: 'Export by name: no default exports.',
        },
      ],
    },
  },
  {
    files: tests,
    rules: {
      'overlay/no-sleep': 'error',
      'no-console': 'off',
      // A test may leave out what a good program must handle, for instance when it feeds wrong input on purpose.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Name what is exported: no `export *`.' },
        { selector: 'ExportDefaultDeclaration', message: 'Export by name: no default exports.' },
        {
          selector:
            'MemberExpression[property.name="only"][object.name=/^(test|it|describe)$/], CallExpression[callee.name=/^(fit|fdescribe)$/]',
          message: 'A test that runs alone silences all others.',
        },
      ],
    },
  },
  { files: programs, rules: { 'no-console': 'off' } },
  {
    files: scripts,
    languageOptions: { globals: nodeGlobals },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { ...nodeGlobals, require: 'readonly', module: 'readonly', exports: 'writable', __dirname: 'readonly' },
    },
  },
);
