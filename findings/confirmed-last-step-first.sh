#!/usr/bin/env bash
# Apache Camel 4.8.1, the saga pattern with its InMemorySagaService.
#
# Guess: what went well is confirmed in the order in which it was done; only undoing goes backwards.
# Instead: completions run backwards too, the last step's first.
# Why it matters: a completion often tells the next party to go on. Here the parcel is released before the payment that it waits for
# is captured, and the order is confirmed after both.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>show</groupId><artifactId>show</artifactId><version>1</version>
  <properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target></properties>
  <dependencies>
    <dependency><groupId>org.apache.camel</groupId><artifactId>camel-core</artifactId><version>4.8.1</version></dependency>
    <dependency><groupId>org.apache.camel</groupId><artifactId>camel-saga</artifactId><version>4.8.1</version></dependency>
  </dependencies>
</project>
XML
mkdir -p "$dir/src/main/java"
cat >"$dir/src/main/java/Show.java" <<'JAVA'
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.SagaPropagation;
import org.apache.camel.saga.InMemorySagaService;

public class Show {
  static final List<String> STEPS = List.of("order", "payment", "parcel");
  static final BlockingQueue<String> called = new LinkedBlockingQueue<>();

  public static void main(String[] arguments) throws Exception {
    var camel = new DefaultCamelContext();
    camel.addService(new InMemorySagaService());
    camel.addRoutes(new RouteBuilder() {
      public void configure() {
        for (String step : STEPS) {
          from("direct:" + step).saga().propagation(SagaPropagation.MANDATORY)
              .compensation("direct:undo-" + step).completion("direct:confirm-" + step)
              .process(exchange -> called.add("do " + step));
          from("direct:undo-" + step).process(exchange -> called.add("undo " + step));
          from("direct:confirm-" + step).process(exchange -> called.add("confirm " + step));
        }
        from("direct:all").saga().to("direct:order").to("direct:payment").to("direct:parcel");
      }
    });
    camel.start();
    camel.createProducerTemplate().sendBody("direct:all", "");
    for (int n = 0; n < 6; n++) System.out.println(called.poll(30, TimeUnit.SECONDS));
    camel.stop();
  }
}
JAVA
cd "$dir"
mvn --quiet --batch-mode compile org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath -Dmdep.outputFile=classpath >log 2>&1 ||
  { cat log; exit 1; }
echo 'Apache Camel 4.8.1'
java -cp "target/classes:$(cat classpath)" Show 2>/dev/null | tee seen
[ "$(cat seen)" = "$(printf '%s\n' 'do order' 'do payment' 'do parcel' 'confirm parcel' 'confirm payment' 'confirm order')" ]
echo 'seen: the last step is confirmed first'
