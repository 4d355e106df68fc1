"""Each line of the threat model in labs/README.md has tests, and each attack belongs to a line.

`make test` runs a sample of the attacks; `python -m tests.grading.run_attacks` runs all.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from eventlab.settings import ROOT
from tests.grading import run_attacks

TESTS = Path(__file__).parents[1]
ATTACKS = "grading/test_isolation_attacks.py::test_an_attack_fails_and_those_after_it_have_their_marks"
ORDERS = (
    "grading/test_isolation_attacks.py::test_another_order_gives_the_same_marks",
    "grading/test_readme.py::test_on_a_fresh_stack_a_submission_has_the_marks_of_the_grading",
)
TESTS_OF_A_LINE: dict[str, tuple[str, ...]] = {
    "other marks: what a submission changes in the services": (
        *("attack hdfs_*", "attack kafka_*", ATTACKS, *ORDERS),
        "grading/test_sandbox.py::test_a_worker_has_a_network_of_its_own",
        "grading/test_worker_stack.py::test_hdfs_refuses_a_quota_and_with_other_permissions_it_is_not_kept",
    ),
    "other marks: what a submission plants in Spark": (
        *("attack spark_*", ATTACKS),
        "grading/test_isolation_new_spark.py::test_what_runs_other_code_is_a_reason",
        "grading/test_isolation_rights.py::test_of_java_only_the_program_java_is_visible",
        "grading/test_kernel_rights.py::test_of_javas_programs_a_kernel_sees_only_java",
        "grading/test_left_in_spark.py::test_new_processes_are_killed_and_new_changed_and_missing_files_are_named",
        "grading/test_left_in_spark.py::test_the_jvm_reports_what_runs_in_it_and_nothing_can_attach_to_it",
        "grading/test_worker_stack.py::test_code_in_the_jvm_and_a_streaming_query_do_not_outlive_their_submission",
    ),
    "other students' notebooks, the records, the instructor's files and the hidden checks": (
        *(
            "attack kernel_searches",
            "attack kernel_links",
            "attack kernel_descriptors",
            "attack kernel_inherited_memory",
        ),
        "grading/test_sandbox.py::test_labs_grader_git_and_homes_are_not_there",
        "grading/test_sandbox.py::test_the_instructors_variables_are_not_there",
        "grading/test_kernel.py::test_of_another_kernel_nothing_is_left",
        "grading/test_notebook.py::test_hidden_tests_never_reach_the_student",
    ),
    "the instructor's solutions, which run when a question is graded again": (
        "grading/test_difficult_submissions.py::test_the_students_code_never_meets_the_instructors_solution",
        "grading/test_difficult_submissions.py::test_only_the_first_runs_outputs_are_published",
        "grading/test_reference.py::test_results_reach_the_student_and_constants_of_the_solution_do_not",
    ),
    "own marks: answers without the work": (
        "attack regrade_*",
        "grading/test_judged_again.py::test_a_question_has_other_data_when_it_is_judged_after_its_result_was_shown",
        "grading/test_jobs.py::test_no_name_of_a_file_stands_for_another_file",
        "labs/test_fair_marks.py::test_a_total_of_invented_coins_is_no_running_total",
        "grading/test_secrets.py::test_the_secret_of_an_output_folder_stays",
        "grading/test_secrets.py::test_no_notebook_gets_its_seed",
        "grading/test_jobs.py::test_what_the_feedback_shows_does_not_help_in_a_second_submission",
        "labs/test_names_and_seeds.py::test_a_seed_is_too_large_to_be_guessed_from_the_data",
        "labs/test_release.py::test_nothing_that_computes_an_answer_is_released",
        "grading/test_readme.py::test_a_sample_of_the_corpus_receives_the_marks_that_it_must_get",
    ),
    "own marks: false reports about itself": (
        *("attack kernel_checks_patched", "attack kernel_answers"),
        "grading/test_difficult_submissions.py::test_each_question_is_worth_what_its_own_cells_earned",
        *(ATTACKS, "labs/test_student.py::test_only_a_port_of_this_machine_is_called"),
        "grading/test_worker_stack.py::test_an_api_with_mistakes_loses_marks_whatever_its_notebook_says",
    ),
    "own marks: a job that the failures of a trial do not reach": (
        "grading/test_worker_stack.py::test_the_notebook_is_suspended_meanwhile_and_the_trial_takes_none_of_its_time",
        "grading/test_worker_stack.py::test_a_right_job_keeps_all_marks_although_everything_was_killed_once",
        "grading/test_trial_machine.py::test_a_job_that_is_started_again_finds_nothing_of_the_last_start",
        "grading/test_worker_stack.py::test_a_process_that_a_job_starts_in_sparks_sandbox_is_killed_with_the_job",
        "grading/test_trials.py::test_sparks_jvm_ends_with_a_job_whose_own_code_ran_in_it",
        "grading/test_trials.py::test_the_messages_of_the_trial_are_not_those_that_the_notebook_can_read",
        "grading/test_kernel_processes.py::test_nothing_of_a_suspended_kernel_runs_and_all_of_it_goes_on_afterwards",
        "grading/test_kernel_rights.py::test_a_suspended_kernel_does_not_wake_itself_by_a_timer",
        "grading/test_left_in_spark.py::test_a_process_that_starts_while_others_are_killed_is_killed_too",
    ),
    "own marks: a right answer by luck": (
        "labs/test_data.py::test_each_seed_exercises_each_rule",
        "grading/test_judged_again.py::test_a_question_is_not_judged_again_by_a_run_that_does_the_same_before_its_check",
    ),
    "right work: a later mistake, or one in another question": (
        "grading/test_difficult_submissions.py::test_each_question_is_worth_what_its_own_cells_earned",
        "grading/test_regrade.py::test_a_wrong_question_that_breaks_later_ones_costs_only_its_own_marks",
        "grading/test_regrade.py::test_a_kernel_that_dies_later_in_one_question_does_not_cost_it_marks",
        "grading/test_regrade.py::test_a_kernel_that_dies_later_in_two_questions_costs_neither_of_them_marks",
        "grading/test_regrade.py::test_a_job_that_disturbs_the_trial_of_all_jobs_costs_only_its_own_marks",
        "grading/test_trials.py::test_a_job_whose_trial_another_job_has_disturbed_is_tried_again_without_it",
    ),
    "right work: a fault of the machine": (
        "grading/test_faults.py::test_a_fault_that_happens_once_costs_nothing",
        "grading/test_faults.py::test_a_fault_that_happens_twice_gives_no_mark_and_the_command_fails",
        "grading/test_judge.py::test_a_judge_that_the_machine_kills_is_no_verdict",
        "grading/test_judging.py::test_a_service_that_is_silent_twice_gives_no_verdict",
        "grading/test_judging.py::test_a_full_disk_is_the_machines_fault",
        "grading/test_worker_starts.py::test_without_room_for_a_worker_nobody_has_a_mark_and_nothing_is_left",
        "grading/test_scheduler.py::test_an_error_of_the_grader_itself_costs_no_other_mark_and_the_next_run_goes_on",
        "grading/test_lost_fork_server.py::test_a_cell_during_which_the_fork_server_is_killed_has_no_result",
        "grading/test_put_results.py::test_a_silent_service_or_fork_server_or_a_missing_topic_interrupts_the_attempt",
        "grading/test_waits.py::test_in_grading_the_kit_waits_longer_and_commands_as_long_as_without_it",
        "grading/test_waits.py::test_only_the_first_judging_counts_as_time_of_the_submission",
        "grading/test_worker_stack.py::test_hdfs_in_safe_mode_while_judging_is_the_machines_fault",
        "grading/test_trials.py::test_in_a_trial_a_spark_that_ends_by_itself_is_no_fault_of_its_streaming_queries",
        "grading/test_worker_that_dies.py::test_a_worker_that_hangs_is_ended_and_the_job_is_tried_again",
        "grading/test_ended_runs.py"
        "::test_after_the_end_of_a_service_no_cell_is_left_out_that_a_later_question_may_need",
        "grading/test_instructor_runs.py::test_the_instructors_job_is_not_judged",
        "grading/test_instructor_runs.py"
        "::test_a_result_of_the_instructor_with_a_failed_check_is_a_fault_of_the_machine",
        "grading/test_fair_time.py::test_time_in_which_the_grader_was_suspended_does_not_count",
        "grading/test_fair_time.py"
        "::test_a_machine_that_was_suspended_is_noticed_by_a_clock_that_goes_on_meanwhile",
        "grading/test_fair_time.py::test_time_counts_less_only_if_this_worker_waits_while_others_run",
        "grading/test_fair_time.py::test_a_process_is_of_those_that_started_it_whatever_their_names_are",
        "grading/test_fair_time.py"
        "::test_marks_that_were_lost_while_the_grader_had_no_time_are_not_the_submissions_fault",
        "grading/test_ended_runs.py"
        "::test_a_cell_that_raises_after_others_have_delayed_it_gives_no_mark_unless_it_is_full",
        "grading/test_judging.py::test_a_check_that_failed_after_others_have_delayed_it_gives_no_verdict",
        "labs/test_run_trial.py::test_a_job_that_ended_while_the_machine_delayed_it_is_not_given_up",
        "grading/test_out_of_memory.py"
        "::test_points_that_were_lost_while_processes_were_killed_are_not_the_submissions_fault",
    ),
    "own marks: a failed grading in place of a low mark": (
        "grading/test_marks_so_far.py::test_who_is_interrupted_in_two_gradings_has_the_mark_so_far"
        "_if_the_machine_works_for_the_instructor",
        "grading/test_worker_that_dies.py::test_who_ends_the_worker_in_two_gradings_has_the_mark_so_far",
        "grading/test_scheduler.py::test_of_two_attempts_that_failed_the_better_one_is_the_outcome",
    ),
    "the machine": (
        "attack kernel_*",
        "grading/test_collect.py::test_names_that_cannot_be_files_do_not_end_the_grading_of_the_others",
        "grading/test_collect.py::test_a_zip_with_a_very_long_list_of_files_is_not_read_into_memory",
        "grading/test_exports.py::test_a_name_or_a_text_that_repeats_itself_does_not_keep_the_class_waiting",
        "grading/test_folders.py::test_the_folder_of_a_killed_grader_is_deleted_by_the_next_one",
        "grading/test_folders.py::test_folders_that_are_too_deep_for_recursion_are_deleted",
        "grading/test_isolation_limits.py::test_what_is_too_deep_to_be_measured_is_too_much",
        "grading/test_jobs.py::test_a_folder_that_is_too_deep_for_recursion_is_read_like_any_other",
        "grading/test_worker_logs.py::test_a_log_that_has_just_become_a_link_or_a_pipe_is_not_read",
        "grading/test_exports.py::test_a_student_with_too_many_bytes_takes_none_from_the_others",
        "grading/test_isolation_limits.py::test_a_connection_that_nobody_accepts_counts_as_full",
        "grading/test_isolation_limits.py::test_memory_in_files_and_sockets_is_held_against_the_limit",
        "grading/test_isolation_limits.py::test_the_disk_watch_tells_once_when_too_much_is_stored",
        "grading/test_notebook_files.py::test_a_file_that_takes_too_much_memory_is_no_notebook",
        "grading/test_nested_outputs.py::test_an_output_and_an_answer_of_many_levels_are_dropped",
        "grading/test_kernel_rights.py::test_calls_that_hide_memory_or_leave_a_namespace_are_refused_in_a_kernel",
        "grading/test_kernel.py::test_a_kernel_has_no_rights_and_limits",
        "grading/test_kernel_processes.py::test_memory_that_short_processes_hold_ends_a_kernel",
        "grading/test_isolation_processes.py"
        "::test_a_process_that_does_not_show_what_it_holds_is_killed_beside_spark",
        "grading/test_kernel_rights.py::test_a_kernel_creates_no_file_in_the_folder_of_its_sockets",
        "grading/test_kernel_rights.py::test_a_socket_holds_no_page_of_a_kernel",
        "grading/test_waits.py::test_the_time_of_a_submission_is_limited_over_all_its_cells_and_runs",
        "grading/test_own_memory.py::test_a_kernel_whose_message_never_ends_is_ended_and_its_message_forgotten",
        "grading/test_own_memory.py::test_outputs_that_nobody_reads_wait_in_the_memory_of_the_kernel",
        "grading/test_own_memory.py::test_a_message_that_is_too_large_is_not_received",
        "grading/test_isolation_processes.py"
        "::test_too_many_processes_end_a_kernel_also_where_no_limit_of_the_system_binds",
        "grading/test_isolation_processes.py"
        "::test_too_many_sessions_end_a_kernel_because_linux_gives_each_of_them_the_same_share",
        "grading/test_isolation_rights.py"
        "::test_calls_that_hide_memory_or_leave_the_namespaces_are_refused_and_all_others_work",
        "grading/test_left_in_spark.py::test_many_busy_threads_beside_the_services_get_the_lowest_priority",
        "grading/test_left_in_spark.py::test_processes_beside_the_services_are_killed_when_they_exceed_a_limit",
        "grading/test_trial_machine.py::test_what_exceeds_a_limit_during_a_trial_ends_its_jobs_and_the_trial",
        "grading/test_trials.py::test_the_first_trial_takes_no_time_of_the_submission_and_further_ones_do",
        "grading/test_process_names.py::test_a_process_with_a_name_that_is_no_text_is_held_to_its_memory",
        "grading/test_outputs.py::test_the_text_of_all_cells_is_limited",
        "grading/test_outputs.py::test_answers_to_very_many_questions_are_not_kept",
        "grading/test_sandbox.py::test_a_fork_bomb_meets_its_limit",
        "grading/test_sandbox.py::test_nothing_but_its_own_folders_can_be_written",
        "grading/test_kernel.py::test_a_hundred_thousand_lines_are_capped_as_they_arrive",
        "grading/test_sandbox.py::test_in_the_sandbox_a_kernel_is_never_root",
    ),
    "the reports": (
        "grading/test_feedback.py::test_a_page_runs_no_script_even_if_one_got_in",
        "grading/test_reports.py::test_nothing_that_a_student_writes_is_a_formula",
        "grading/test_gradebook.py::test_nothing_of_a_student_is_a_formula_or_a_tag",
    ),
    "`--no-sandbox`": (
        "grading/test_no_sandbox.py::test_without_a_sandbox_grading_is_refused_with_the_reason_and_the_package",
        "grading/test_no_sandbox.py::test_every_report_says_that_there_was_no_sandbox",
        "grading/test_fork_server.py::test_of_a_kernel_that_has_ended_no_file_is_left",
        "grading/test_isolation_rights.py::test_no_process_of_a_grading_reads_the_instructors_settings_file",
        "grading/test_worker_starts.py::test_without_a_sandbox_there_is_one_worker_whatever_the_machine_has",
    ),
}


def test_each_line_of_the_threat_model_is_listed_here() -> None:
    text = (ROOT / "labs" / "README.md").read_text().split("## Threat model\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (?!protected|-)(.*?) \|", text, re.MULTILINE)

    assert [*lines, "`--no-sandbox`"] == list(TESTS_OF_A_LINE)
    assert "- `--no-sandbox`: " in text


def test_each_test_of_a_line_exists_and_each_attack_belongs_to_a_line() -> None:
    named = {name for names in TESTS_OF_A_LINE.values() for name in names}
    patterns = {name.removeprefix("attack ") for name in named if name.startswith("attack ")}
    attacks = [Path(attack.name) for attack in run_attacks.attacks()]

    assert [name for name in named if not name.startswith("attack ") and not _exists(name)] == []
    assert [pattern for pattern in patterns if not any(attack.match(pattern) for attack in attacks)] == []
    assert [str(attack) for attack in attacks if not any(attack.match(pattern) for pattern in patterns)] == []


def _exists(name: str) -> bool:
    path, _, function = name.partition("::")
    body = ast.parse((TESTS / path).read_text()).body
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in body)
