// Jest runs what tsc compiled, as native ES modules: no transform, so a test sees the code that users get.
export default {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{packages,examples}/*/test-dist/**/*.test.js', '<rootDir>/conformance/test-dist/**/*.test.js'],
  testPathIgnorePatterns: ['/node_modules/'],
  modulePathIgnorePatterns: ['<rootDir>/.cache/'],
  transform: {},
  testTimeout: 30_000,
  // Namespaces and the RTNL lock are shared by the whole machine; more workers than cores only makes timings worse.
  maxWorkers: 2,
};
