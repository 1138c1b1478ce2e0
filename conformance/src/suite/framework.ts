/** What the suite needs of a test framework; jest and vitest fit as they are, others with a line each. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  /** A test that may take `timeoutMs` milliseconds. */
  test(name: string, body: () => Promise<void>, timeoutMs: number): void;
  /** A test that is left out, so that a reader of the results sees it. */
  skip(name: string): void;
  /**
   * Something to do when all tests of the surrounding `describe` have ended: `afterAll`. Without it a report is written as
   * soon as every test has ended, and not at all when the framework leaves some out.
   */
  after?(body: () => Promise<void>): void;
}
