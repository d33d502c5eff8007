#!/usr/bin/env bash
# spring-statemachine-core 4.0.1 (Java).
#
# Guess: a machine that is restored into a state which its definition does not have any more refuses to be restored, or to start.
# Instead: it starts without a word in its initial state, without the variables that were stored with it.
# Why it matters: a state is renamed in a release, and machines that were stored in it are restored after the deployment. An order
# that was paid begins anew, and knows nothing of its charge: it is paid twice, and nothing stands in the log.
set -euo pipefail
command -v mvn >/dev/null || { echo 'Maven is not here: skipped'; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir -p src/main/java
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>shown</groupId>
  <artifactId>restored</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency>
      <groupId>org.springframework.statemachine</groupId>
      <artifactId>spring-statemachine-core</artifactId>
      <version>4.0.1</version>
    </dependency>
  </dependencies>
</project>
XML
cat >src/main/java/Restored.java <<'JAVA'
import org.springframework.statemachine.StateMachine;
import org.springframework.statemachine.StateMachineContext;
import org.springframework.statemachine.StateMachinePersist;
import org.springframework.statemachine.config.StateMachineBuilder;
import org.springframework.statemachine.persist.DefaultStateMachinePersister;
import org.springframework.messaging.support.MessageBuilder;
import reactor.core.publisher.Mono;

/** Two releases of an order: in the second one what was `charged` is called `paid`. */
public class Restored {
  static StateMachineContext<String, String> stored;

  static StateMachine<String, String> release(String paid) throws Exception {
    var builder = StateMachineBuilder.<String, String>builder();
    builder.configureConfiguration().withConfiguration().machineId("order");
    builder.configureStates().withStates().initial("placed").state(paid).state("sent");
    builder.configureTransitions()
        .withExternal().source("placed").target(paid).event("pay").and()
        .withExternal().source(paid).target("sent").event("send");
    return builder.build();
  }

  static String restored(StateMachine<String, String> machine) throws Exception {
    persister().restore(machine, "one");
    return machine.getState().getId() + " " + machine.getExtendedState().getVariables();
  }

  static DefaultStateMachinePersister<String, String, String> persister() {
    return new DefaultStateMachinePersister<>(new StateMachinePersist<String, String, String>() {
      public void write(StateMachineContext<String, String> context, String id) { stored = context; }
      public StateMachineContext<String, String> read(String id) { return stored; }
    });
  }

  public static void main(String[] none) throws Exception {
    var first = release("charged");
    first.startReactively().block();
    first.getExtendedState().getVariables().put("charge", "c-1");
    first.sendEvent(Mono.just(MessageBuilder.withPayload("pay").build())).blockLast();
    persister().persist(first, "one");
    System.out.println("stored:                   " + stored.getState() + " " + first.getExtendedState().getVariables());
    var same = restored(release("charged"));
    System.out.println("restored, same release:   " + same);
    var next = restored(release("paid"));
    System.out.println("restored, state is gone:  " + next);
    if (!same.equals("charged {charge=c-1}") || !next.equals("placed {}")) System.exit(1);
  }
}
JAVA
mvn -q -B compile org.codehaus.mojo:exec-maven-plugin:3.5.0:java -Dexec.mainClass=Restored 2>err.txt || { cat err.txt; exit 1; }
echo 'seen: a machine restored into a state that is gone stands at its beginning, and has forgotten what it knew'
