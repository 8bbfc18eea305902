// Prints "<passed> <failed> <skipped>" of a vitest JSON report; an unreadable report is one failure.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  numFailedTestSuites: z.number(),
});

try {
  const report = Report.parse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
  // A file that cannot be loaded has no failed test in it, only a failed suite.
  const failed = report.numFailedTests || report.numFailedTestSuites;
  console.log(report.numPassedTests, failed, report.numPendingTests + report.numTodoTests);
} catch (error) {
  console.error(`no readable test report: ${error instanceof Error ? error.message : String(error)}`);
  console.log(0, 1, 0);
}
