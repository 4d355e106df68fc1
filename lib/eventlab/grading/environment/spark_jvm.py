"""The options of the JVM of a worker's Spark."""

from eventlab.grading.environment.jvm_class_watch import JvmClassWatch

LITTLE_COMPILATION = (
    "-XX:TieredStopAtLevel=1",
    "-Dspark.sql.codegen.wholeStage=false",
    "-Dspark.sql.codegen.factoryMode=NO_CODEGEN",
)
"""The queries of a submission are short: compiling them took half of Spark's processor time. C1, the quick
compiler, is left."""
NO_ATTACH = ("-XX:+DisableAttachMechanism",)
"""No other process can load code into the JVM or stop the log of its classes."""


def java_variables(classes: JvmClassWatch) -> dict[str, str]:
    """Return the variables with which the JVM of Spark reports its classes, and nothing can attach to it."""
    return {"JAVA_TOOL_OPTIONS": " ".join([classes.option, *LITTLE_COMPILATION, *NO_ATTACH])}
