package dev.grange.bench;

import java.util.Arrays;
import java.util.Random;

/**
 * A median with the 95 % interval that the bootstrap gives it: the middle of the medians of many
 * samples drawn, with replacement, from the values. With so few values the interval is coarse.
 */
record Estimate(double median, double low, double high) {
  private static final int SAMPLES = 10_000;

  static Estimate of(double... values) {
    Random random = new Random(42);
    double[] medians = new double[SAMPLES];
    double[] sample = new double[values.length];
    for (int i = 0; i < SAMPLES; i++) {
      for (int j = 0; j < sample.length; j++) {
        sample[j] = values[random.nextInt(values.length)];
      }
      medians[i] = median(sample);
    }
    Arrays.sort(medians);
    return new Estimate(
        median(values), medians[SAMPLES * 25 / 1000], medians[SAMPLES * 975 / 1000]);
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
