package dev.grange.cli.cluster;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Sizes as Kubernetes writes them: {@code 512Mi}, {@code 4Gi}, {@code 1Ti}, or bytes. */
final class Sizes implements ITypeConverter<Long> {
  private static final Pattern WRITTEN = Pattern.compile("([0-9]{1,15})(Ki|Mi|Gi|Ti)?");

  @Override
  public Long convert(String value) {
    Matcher written = WRITTEN.matcher(value.strip());
    if (!written.matches()) {
      throw new TypeConversionException(
          "'%s' is no size; write for example 512Mi or 4Gi".formatted(value));
    }
    String unit = written.group(2);
    int shift = unit == null ? 0 : 10 * ("KMGT".indexOf(unit.charAt(0)) + 1);
    return Math.multiplyExact(Long.parseLong(written.group(1)), 1L << shift);
  }
}
