package dev.grange.events;

import java.util.UUID;

/**
 * One run of one test case.
 *
 * @param id of the run
 * @param testCase the name that the policy gives it
 * @param platform of the image that is tested
 * @param scenario the variant of the test; empty when there is only one
 */
public record TestRunFacts(UUID id, String testCase, String platform, String scenario) {}
