// Jest runs what tsc compiled, as native ES modules: no transform, so a test sees the code that users get.
export default {
  rootDir: import.meta.dirname,
  testEnvironment: '<rootDir>/scripts/jest/environment.mjs',
  testMatch: [
    '<rootDir>/{packages,examples}/*/test-dist/**/*.test.js',
    '<rootDir>/conformance/test-dist/**/*.test.js',
    '<rootDir>/scripts/**/*.test.mjs',
  ],
  moduleFileExtensions: ['js', 'mjs', 'cjs', 'json', 'node'],
  cacheDirectory: '<rootDir>/.cache/jest',
  modulePathIgnorePatterns: ['<rootDir>/.cache/'],
  transform: {},
  // Two processors may have much else to do; what measures time is in the benchmarks.
  testTimeout: 60_000,
  maxWorkers: 2,
};
