<p>It is {today}.</p>
<div class="columns">
<section aria-labelledby="appointments">
<div class="bar"><h2 id="appointments">Appointments</h2> <a href="/appointment/new">New appointment</a></div>
{appointments}
</section>
<section aria-labelledby="tasks">
<div class="bar"><h2 id="tasks">To do</h2> <a href="/task/new">New task</a></div>
{tasks}
<?if open_tasks?><p><a href="/task/">All tasks ({open_tasks:num} to do)</a></p><?end?>
</section>
</div>
